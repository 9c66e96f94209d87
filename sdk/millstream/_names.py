"""Names for runs that nobody named, easy to say and to remember."""

from __future__ import annotations

from millstream import _surroundings

_ADJECTIVES = (  # noqa: SIM905 - two hundred quotes would not help
    "able agile amber ample apt azure bold brave breezy bright brisk calm candid careful cheerful clever cosy crisp "
    "curious daring dapper deft eager early earnest easy fair fancy fearless fine fleet fond frank free fresh gentle "
    "glad golden graceful grand happy hardy hearty honest humble jolly keen kind lively loyal lucky mellow merry mild "
    "modest neat nimble noble patient placid plucky polite proud prudent quick quiet rapid ready robust rosy serene "
    "sharp shiny silver smooth snappy sober solid sparkling spry steady sturdy sunny swift tidy tranquil upbeat vivid "
    "warm wise witty zesty"
).split()
_ANIMALS = (  # noqa: SIM905
    "albatross alpaca ant antelope badger bat bear beaver bee bison buzzard camel caribou cat cheetah chough civet "
    "cobra condor coot cormorant cow coyote crane cricket crow curlew deer dingo dolphin dove dragonfly duck dunlin "
    "eagle eel egret elk falcon ferret finch flamingo fox frog gazelle gecko goat goose grouse gull hare hawk hedgehog "
    "heron hornet horse ibex ibis jackal jay kestrel kingfisher kite lark lemur leopard linnet lion llama lynx magpie "
    "marmot marten mole moose moth mouse newt ocelot orca oriole osprey otter owl panda parrot pelican penguin "
    "pheasant puffin quail rabbit raven robin salmon seal shrike sparrow stork swallow swan tapir tern thrush tiger "
    "toad trout turtle vole walrus warbler weasel whale wolf wombat wren yak zebra"
).split()


def random_name() -> str:
    """An adjective and an animal, such as `brisk-otter`."""
    # One number for both: each costs a call into the system, which every flow run pays.
    adjective, animal = divmod(_surroundings.current.pick(len(_ADJECTIVES) * len(_ANIMALS)), len(_ANIMALS))
    return f"{_ADJECTIVES[adjective]}-{_ANIMALS[animal]}"


def random_suffix() -> str:
    """Three hexadecimal digits, to tell runs of one task apart that belong to no flow run."""
    return f"{_surroundings.current.pick(16**3):03x}"
