from builders import NOW

from millstream_operator.answers import Answers
from millstream_operator.decide.observed import NodeSeen


def test_what_was_found_of_each_node_of_a_run_is_kept_until_the_run_is_gone():
    answers = Answers()
    found = {name: NodeSeen(name=name, lost=True, time=NOW) for name in ("node-1", "node-2")}
    for node in found.values():
        answers.see_node("uid", node)
    assert answers.nodes("uid") == found
    assert answers.nodes("another") == {}
    answers.forget("uid")
    assert answers.nodes("uid") == {}
