"""Blocks: their types, where they are found, how they are saved, and that their secrets are told to nobody."""

import json
import logging
import os
import pickle
import stat
import subprocess
import sys
import threading
import traceback
from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, Field, RootModel, SecretBytes, SecretStr, ValidationError

from millstream import _secrets, flow
from millstream._hashing import hash_of
from millstream.blocks import Block, BlockError, Secret, _places, abstract, core, notifications, system
from millstream.blocks.notifications import MattermostWebhook, SlackWebhook
from millstream.blocks.webhook import Webhook
from millstream.settings import temporary_settings

URL = "https://hooks.slack.com/services/T000/B000/XXXtoken1234"


class Warehouse(Block):
    host: str
    password: SecretStr
    ports: list[int] = Field(default_factory=list)
    labels: dict[str, str] | None = None
    strict: bool = True


LEAKY = """
from millstream import flow, task
from millstream.blocks import Secret

@task
def uses(secret: Secret):
    raise ValueError(f"bad password {secret.get()}")

@flow
def takes(secret: Secret):
    uses(secret)

takes(Secret(value="hunter22"), return_state=True)
"""


class Server(BaseModel):
    password: SecretStr


class Nested(Block):
    _block_type_name = "Nested Thing"
    server: Server
    also: list[SecretStr] = Field(default_factory=list)


@dataclass
class Credentials:
    user: str
    password: SecretStr


class Roots(RootModel[list[SecretStr]]):
    pass


class Login(Block):
    login: Credentials
    key: SecretBytes = SecretBytes(b"")
    roots: Roots = Field(default_factory=lambda: Roots([]))


class Anything(Block):
    thing: Any


class Aliased(Block):
    host: str = Field(alias="hostName")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """No block anywhere."""
    for name in list(os.environ):
        if name.startswith("MILLSTREAM_BLOCK"):
            monkeypatch.delenv(name)
    folder = tmp_path / "mounted"
    folder.mkdir()
    with temporary_settings({"MILLSTREAM_HOME": tmp_path / "home", "MILLSTREAM_BLOCKS_FOLDER": folder}):
        yield tmp_path


def mount(places, name, **files):
    """As Kubernetes does it."""
    block = places / "mounted" / name
    data = block / "..2024_01_01"
    data.mkdir(parents=True)
    (block / "..data").symlink_to(data.name)
    for key, text in files.items():
        file = key.replace("block_type", "block-type")
        (data / file).write_text(text)
        (block / file).symlink_to(f"..data/{file}")
    return block


class TestTypes:
    def test_slugs(self):
        assert Warehouse.get_block_type_slug() == "warehouse"
        assert (Nested.get_block_type_slug(), Nested.get_block_type_name()) == (
            "nested-thing",
            "Nested Thing",
        )
        assert (SlackWebhook.get_block_type_slug(), Secret.get_block_type_slug()) == (
            "slack-webhook",
            "secret",
        )

        class MyHTTPThing(SlackWebhook):
            pass

        assert MyHTTPThing.get_block_type_slug() == "my-http-thing"

    def test_modules(self):
        assert (core.Block, system.Secret) == (Block, Secret)
        assert issubclass(SlackWebhook, abstract.NotificationBlock)
        assert notifications.NotificationError is abstract.NotificationError

    def test_unknown_fields(self):
        with pytest.raises(ValidationError, match="urll"):
            SlackWebhook(url=URL, urll="x")

    @pytest.mark.parametrize("slug", ["My_Slug", "../../../evil", "a--b", "-a", "x" * 101])
    def test_slugs_that_cannot_be(self, slug):
        with pytest.raises(BlockError, match=r"^The type of blocks Wrong cannot have the slug '"):

            class Wrong(Block):
                _block_type_slug = slug
                x: int

    def test_a_slug_for_two(self):
        source = "from millstream.blocks import Block\nclass Secret(Block):\n    x: int\n"
        said = r"^Two types of blocks have the slug 'secret': millstream\.blocks\.system\.Secret and elsewhere\.Secret"
        with pytest.raises(BlockError, match=said):
            exec(source, {"__name__": "elsewhere"})  # noqa: S102 - a module of somebody else's
        assert core.block_type("secret") is Secret

    def test_block_initialization(self):
        class Noted(Block):
            x: int

            def block_initialization(self):
                self.__dict__["seen"] = self.x

        assert Noted(x=3).seen == 3


class TestSaved:
    def test_round_trip(self):
        Warehouse(host="db", password="hunter22", ports=[1, 2], labels={"a": "b"}).save("nightly")
        loaded = Warehouse.load("nightly")
        assert (loaded.host, loaded.ports, loaded.labels) == ("db", [1, 2], {"a": "b"})
        assert loaded.password.get_secret_value() == "hunter22"
        assert Block.load("warehouse/nightly") == loaded

    def test_nested_secrets(self):
        Nested(server={"password": "inner-secret"}, also=["other-secret"]).save("n")
        loaded = Nested.load("n")
        assert loaded.server.password.get_secret_value() == "inner-secret"
        assert [secret.get_secret_value() for secret in loaded.also] == ["other-secret"]
        assert "inner-secret" not in f"{loaded!r} {loaded.model_dump_json()}"

    async def test_asynchronous(self):
        await Secret(value="x1").asave("s")
        assert (await Secret.aload("s")).get() == "x1"
        await Secret.adelete("s")
        with pytest.raises(BlockError, match="There is no secret 's'"):
            await Secret.aload("s")

    def test_only_the_owner_can_read(self, places):
        Secret(value="x").save("s")
        store = places / "home" / "blocks"
        files = [path for path in store.rglob("*") if path.is_file()]
        assert files
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in (store, store / "secret")} == {0o700}

    def test_taken(self):
        Secret(value="first").save("s")
        with pytest.raises(BlockError, match="There is a secret 's' already; overwrite=True"):
            Secret(value="second").save("s")
        assert Secret.load("s").get() == "first"
        Secret(value="second").save("s", overwrite=True)
        assert Secret.load("s").get() == "second"
        SlackWebhook(url=URL).save("s")  # of another type

    def test_taken_by_a_place_that_is_looked_at_first(self, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_BLOCK__SECRET__S", '{"value": "x"}')
        with pytest.raises(BlockError, match="the variable MILLSTREAM_BLOCK__SECRET__S has one"):
            Secret(value="y").save("s", overwrite=True)
        with pytest.raises(BlockError, match="cannot be deleted from here"):
            Secret.delete("s")

    def test_delete(self):
        Secret(value="x").save("my_secret")
        Secret.delete("My-Secret")
        with pytest.raises(BlockError, match="no secret 'my_secret'"):
            Secret.delete("my_secret")

    def test_what_is_being_written_is_not_seen(self, places):
        Secret(value="x").save("s")
        (places / "home/blocks/.incomplete/abc.json").write_text('{"val')
        assert Secret.load("s").get() == "x"

    def test_a_home_that_cannot_be_written(self, places):
        (places / "home").write_text("no folder")
        with pytest.raises(BlockError, match=r"The secret 's' cannot be written to .*/blocks: "):
            Secret(value="x").save("s")

    @pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a\n", 5, None])
    def test_names(self, name):
        with pytest.raises(BlockError, match="cannot be called"):
            Secret(value="x").save(name)

    def test_saved_by_several_at_once(self, places):
        code = "from millstream.blocks import Secret\nSecret(value='x').save('s')"
        environment = {**os.environ, "MILLSTREAM_HOME": str(places / "home")}
        several = [
            subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
            for _ in range(4)
        ]
        told = [process.communicate()[1] for process in several]
        assert sorted(process.returncode for process in several) == [0, 1, 1, 1], told

    def test_dataclasses(self):
        block = Login(login=Credentials("me", SecretStr("hunter22")), key=b"hunter33", roots=["hunter44"])
        block.save("l")
        assert Login.load("l") == block

    def test_keys(self):
        Anything(thing={SecretStr("hunter22"): 1}).save("k")
        assert Anything.load("k").thing == {"hunter22": 1}

    def test_aliases(self, monkeypatch):
        Aliased(hostName="x").save("a")
        assert Aliased.load("a").host == "x"
        monkeypatch.setenv("MILLSTREAM_BLOCK__ALIASED__B", '{"hostName": "y"}')
        assert Aliased.load("b").host == "y"

    @pytest.mark.parametrize(
        ("block", "said"),
        [
            (
                Login(login=Credentials("me", SecretStr("x")), key=b"\xff"),
                "key has bytes that are no text in UTF-8",
            ),
            (Anything(thing={"at": deque([SecretStr("x")])}), "thing.at has a secret in a deque"),
            (Anything(thing=[object()]), "thing has a object"),
        ],
    )
    def test_what_cannot_be_kept(self, block, said, places):
        with pytest.raises(BlockError, match=f"^The block cannot be saved: {said}"):
            block.save("b")
        assert not list(places.rglob("b.json"))

    def test_long_names(self):
        Secret(value="x").save("a" * 190)
        assert Secret.load("a" * 190).get() == "x"
        with pytest.raises(BlockError, match="names have at most 190 characters"):
            Secret(value="x").save("a" * 191)


class TestMounted:
    def test_fields(self, places):
        mount(
            places,
            "nightly",
            host="db\n",
            password="hunter22\n",
            ports="[1, 2]\n",
            labels='{"a": "b"}',
            strict="false",
        )
        assert Warehouse.load("nightly").model_dump(exclude={"password"}) == {
            "host": "db",
            "ports": [1, 2],
            "labels": {"a": "b"},
            "strict": False,
        }
        assert Warehouse.load("nightly").password.get_secret_value() == "hunter22"

    def test_by_hand(self, places):
        folder = places / "mounted/slack"
        folder.mkdir()
        (folder / "url").write_text(f"{URL}\n")
        assert SlackWebhook.load("slack").url.get_secret_value() == URL

    def test_names_of_kubernetes(self, places):
        mount(places, "my-slack", url=URL)
        for name in ("my_slack", "my-slack", "My Slack", "my.slack"):
            assert SlackWebhook.load(name).url.get_secret_value() == URL

    def test_a_secret_of_several_lines(self, places):
        mount(places, "key", value="-----BEGIN-----\nabc\n-----END-----\n")
        assert Secret.load("key").get() == "-----BEGIN-----\nabc\n-----END-----"

    def test_another_type(self, places):
        mount(places, "slack", url=URL, block_type="slack-webhook\n")
        assert SlackWebhook.load("slack").url.get_secret_value() == URL
        with pytest.raises(BlockError, match=r"There is no secret 'slack'.*is of the type slack-webhook"):
            Secret.load("slack")

    def test_all_problems_at_once(self, places):
        mount(places, "nightly", hots="db", ports="many", strict="hunter22")
        with pytest.raises(BlockError) as caught:
            Warehouse.load("nightly")
        message = str(caught.value)
        assert "hots is unknown" in message
        assert "host is missing" in message
        assert "password is missing" in message
        assert "ports: Input should be a valid list" in message
        assert "its fields are host, password, ports, labels, strict" in message
        assert "hunter22" not in "".join(traceback.format_exception(caught.value))

    def test_no_text(self, places):
        folder = places / "mounted/key"
        folder.mkdir()
        (folder / "value").write_bytes(b"\xff\xfe")
        with pytest.raises(BlockError, match=r"key/value is no text in UTF-8\."):
            Secret.load("key")

    def test_changed_while_it_is_read(self, places, monkeypatch):
        block = mount(places, "slack", url="https://old.example.com/x")
        new = block / "..2024_02_02"
        new.mkdir()
        (new / "url").write_text(URL)
        read = _places._text

        def swapped(file):
            if "2024_01" in str(file):
                (block / "..data").unlink()
                (block / "..data").symlink_to(new.name)
                file.unlink()
            return read(file)

        monkeypatch.setattr(_places, "_text", swapped)
        assert SlackWebhook.load("slack").url.get_secret_value() == URL

    def test_a_folder_that_is_not_there(self, places):
        with (
            temporary_settings({"MILLSTREAM_BLOCKS_FOLDER": places / "nowhere"}),
            pytest.raises(BlockError, match="nowhere"),
        ):
            Secret.load("x")


class TestEnvironment:
    def test_fields(self, monkeypatch):
        monkeypatch.setenv(
            "MILLSTREAM_BLOCK__MATTERMOST_WEBHOOK__OUR_CHAT", '{"hostname": "h", "token": "t", "port": 1}'
        )
        assert MattermostWebhook.load("our-chat").port == 1

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('{"value": "hunter22', "has is no JSON (line 1, column 11): write"),
            ('["hunter22"]', "has to be a JSON object of fields"),
            ('{"valeu": "hunter22"}', "value is missing; valeu is unknown; its fields are value"),
        ],
    )
    def test_wrong(self, text, said, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_BLOCK__SECRET__KEY", text)
        with pytest.raises(BlockError) as caught:
            Secret.load("key")
        assert said in str(caught.value)
        assert "the variable MILLSTREAM_BLOCK__SECRET__KEY" in str(caught.value).replace("What the", "the")
        assert "hunter22" not in "".join(traceback.format_exception(caught.value))


def test_order(places, monkeypatch):
    Secret(value="saved").save("s")
    assert Secret.load("s").get() == "saved"
    monkeypatch.setenv("MILLSTREAM_BLOCK__SECRET__S", '{"value": "environment"}')
    assert Secret.load("s").get() == "environment"
    mount(places, "s", value="mounted")
    assert Secret.load("s").get() == "mounted"


def test_unknown(places):
    Secret(value="x").save("one")
    SlackWebhook(url=URL).save("two")
    with pytest.raises(BlockError) as caught:
        Secret.load("three")
    assert str(caught.value) == (
        "There is no secret 'three'; there are: one. Looked in the folder of MILLSTREAM_BLOCKS_FOLDER "
        f"({places}/mounted), for the variable MILLSTREAM_BLOCK__SECRET__THREE, and in {places}/home/blocks."
    )
    assert isinstance(caught.value, ValueError)  # as in Prefect


def test_what_is_there_is_told_without_reading_it(places):
    block = mount(places, "keys", block_type="secret", value="x")
    (block / "..data" / "value").write_bytes(b"\xff\xfe")
    with pytest.raises(BlockError, match=r"There is no secret 'nope'; there are: keys\."):
        Secret.load("nope")
    with pytest.raises(BlockError, match=r"value is no text in UTF-8"):
        Secret.load("keys")


def test_block_itself_needs_a_type():
    with pytest.raises(BlockError, match=r"Block.load\('secret/x'\)"):
        Block.load("x")
    with pytest.raises(BlockError, match=r"no type of blocks 'nonsense': there are .*slack-webhook"):
        Block.load("nonsense/x")


class TestSecret:
    @pytest.mark.parametrize("value", ["abc", "123", 5, {"user": "u", "password": "hunter22"}, ["x"], None])
    def test_get(self, value):
        Secret(value=value).save("s")
        assert Secret.load("s").get() == value

    def test_get_of_json(self):
        assert Secret(value='{"a": [1]}').get() == {"a": [1]}
        assert Secret(value="{a").get() == "{a"
        assert Secret(value=SecretStr("abc")).get() == "abc"
        assert Secret[str](value="abc").get() == "abc"

    def test_prints_nothing(self, caplog):
        secret = Secret(value="hunter22")
        logging.getLogger("any").warning("%s %r", secret, secret)
        text = f"{secret!r} {secret} {secret.model_dump()} {secret.model_dump_json()} {caplog.text}"
        assert "hunter22" not in text

    def test_different_secrets_have_different_keys(self):
        first, same, other = (hash_of(Secret(value=value), "secret") for value in "aab")
        assert first == same != other

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_as_a_parameter(self, form):
        environment = {**os.environ, "MILLSTREAM_LOGGING_FORMAT": form}
        done = subprocess.run(
            [sys.executable, "-c", LEAKY], env=environment, capture_output=True, text=True, check=False
        )
        assert "bad password ********" in done.stderr
        assert "hunter22" not in done.stderr

    def test_wrong_parameter(self):
        @flow
        def takes(slack: SlackWebhook):
            del slack

        state = takes({"url": 5}, return_state=True)
        assert "slack.url" in state.message


class TestMask:
    @pytest.mark.parametrize(
        ("secret", "text", "masked"),
        [
            ("hunter22", "is hunter22 it", "is ******** it"),
            ("a b&c", "x=a%20b%26c", "x=********"),
            ('say "x"', 'in {"a": "say \\"x\\""}', 'in {"a": "********"}'),
            ("line one\nline two", "got line two", "got ********"),
            ("abc", "abc", "abc"),
            ({"user": "someone", "n": 123456}, "someone 123456", "******** ********"),
            ('{"token": "hunter22", "port": 2026}', "hunter22 2026", "******** 2026"),
            ("{hunter22", "{hunter22", "********"),
            (b"\xffhunter22", r"got b'\xffhunter22'", "got b'********'"),
            ({"port": 2026, "share": 0.25}, "2026-01-01 0.25", "2026-01-01 0.25"),
            (
                {"env": "prod", "user": "root"},
                "production of rooted by root (x=prod)",
                "production of rooted by ******** (x=********)",
            ),
            (
                "hunter2",
                r"a\nhunter2 %20hunter2 _hunter2 hunter2x",
                r"a\n******** %20******** _******** hunter2x",
            ),
            (
                "mailtos://u:p%40ssw0rd@h?to=x",
                "login with p@ssw0rd, p%40ssw0rd",
                "login with ********, ********",
            ),
            ("slack://T0K3N5678%2F@h", "T0K3N5678/ T0K3N5678%2F", "******** ********"),
            (
                URL,
                "Max retries with url: /services/T000/B000/XXXtoken1234 (x)",
                "Max retries with url: ******** (x)",
            ),
            (URL, "XXXtoken1234", "********"),
            (URL, "services and hooks.slack.com", "services and hooks.slack.com"),
            ("amqp://me:passw0rd@h/x", "passw0rd", "********"),
            (True, "True", "True"),
        ],
    )
    def test_forms(self, secret, text, masked):
        _secrets.remember(secret)
        assert _secrets.mask(text) == masked

    def test_the_longest_first(self):
        _secrets.remember(["secret", "secret-of-mine"])
        assert _secrets.mask("secret-of-mine") == "********"

    def test_by_many_threads(self):
        together = threading.Barrier(8)

        def remember(thread):
            for number in range(40):
                together.wait()
                _secrets.remember(f"secret-{thread}-{number}-of-many")

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=remember, args=(thread,)) for thread in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        shown = [
            _secrets.mask(f"secret-{thread}-{number}-of-many") for thread in range(8) for number in range(40)
        ]
        assert set(shown) == {"********"}

    def test_in_a_copy_of_the_process(self):
        code = """
import os
from millstream import _secrets

with _secrets._known._adding:  # as another thread may
    child = os.fork()
    if not child:
        _secrets.remember("hunter22")
        os._exit(_secrets.mask("hunter22") != "********")
_, status = os.waitpid(child, 0)
assert status == 0
"""
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_the_latest_are_known(self):
        known = _secrets.Known(most=2)
        for form in ("first-secret", "secret-1", "first-secret", "secret-2"):
            known.add({form})
        assert known.may_be_in("first-secret secret-1 secret-2") == {"first-secret", "secret-2"}
        known.add({"another", "one-more"})
        assert known.may_be_in("first-secret secret-1 secret-2") == set()

    def test_few_of_many_are_looked_for(self):
        known = _secrets.Known()
        known.add({f"{number:06}-secret" for number in range(3000)})
        assert known.may_be_in("with 002999-secret") == {
            f"{number:06}-secret" for number in range(2900, 3000)
        }

    @pytest.mark.parametrize(
        "change",
        [
            lambda block: block.model_copy(update={"password": SecretStr("hunter33")}),
            lambda block: setattr(block, "password", SecretStr("hunter33")),
            lambda block: setattr(block, "password", [{"x": Server(password="hunter33")}]),
        ],
    )
    def test_changing_remembers(self, change):
        block = Warehouse(host="h", password="hunter22")
        change(block)
        assert _secrets.mask("hunter22 hunter33") == "******** ********"

    def test_unpickling_remembers(self):
        pickled = pickle.dumps(Secret(value="hunter22"))
        _secrets._known = _secrets.Known()
        assert pickle.loads(pickled).get() == "hunter22"  # noqa: S301
        assert _secrets.mask("hunter22") == "********"

    def test_copying_one_that_is_not_whole(self):
        copied = Warehouse.model_construct(host="h").model_copy(update={"password": SecretStr("hunter22")})
        assert copied.host == "h"
        assert _secrets.mask("hunter22") == "********"

    def test_dataclasses_and_bytes(self):
        Login(login=Credentials("me", SecretStr("hunter22")), key=b"\xffhunter33", roots=["hunter44"])
        assert _secrets.mask("hunter22 hunter44 \ufffdhunter33") == "******** ******** ********"

    def test_loading_remembers(self):
        Webhook(url="https://example.com/x", headers={"Authorization": "Bearer t0ken"}).save("w")
        _secrets._known = _secrets.Known()
        Webhook.load("w")
        assert _secrets.mask("got Bearer t0ken at https://example.com/x") == "got ******** at ********"


def test_kept_as_json(places):
    SlackWebhook(url=URL).save("My Slack")
    kept = json.loads((places / "home/blocks/slack-webhook/my-slack.json").read_text())
    assert kept == {"notify_type": "info", "url": URL, "allow_private_urls": True}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Max retries exceeded with url: /services/T/B/FOLDERSECRET",
            "Max retries exceeded with url: ********",
        ),
        ("token FOLDERSECRET", "token ********"),
        ("services of B", "services of B"),
    ],
)
def test_the_path_of_a_secret_url(text, told):
    _secrets.remember("http://127.0.0.1:18081/services/T/B/FOLDERSECRET")
    assert _secrets.mask(text) == told
