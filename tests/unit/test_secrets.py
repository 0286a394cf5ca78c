"""Secrets are found in all places of a notebook, in every known form, and what only looks like one is left alone."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtrack.capture.redacted import Redaction, rows_without_secrets
from nbtrack.capture.secret_kinds import KINDS
from nbtrack.capture.secret_names import is_sensitive
from nbtrack.capture.secrets import Redactor
from nbtrack.entities.records import CellTraced, DataRead
from nbtrack.store.journal import encode

HEX, LETTERS, UPPER = (
    "0123456789abcdef",
    string.ascii_letters + string.digits,
    string.ascii_uppercase + "234567",
)


def made(count: int, signs: str = LETTERS) -> str:
    return "".join(random.Random(count + len(signs)).choices(signs, k=count))


# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "aws id": "AKIA" + made(16, UPPER),
    "aws session id": "ASIA" + made(16, UPPER),
    "github": "ghp" + "_" + made(36),
    "github oauth": "gho" + "_" + made(36),
    "github app": "ghs" + "_" + made(36),
    "github fine": "github" + "_pat_" + made(22) + "_" + made(59),
    "gitlab": "glpat" + "-" + made(20),
    "gitlab runner": "glrt" + "-" + made(20),
    "bitbucket": "ATBB" + made(32),
    "atlassian": "ATATT3" + "x" + made(180),
    "openai": "sk" + "-proj-" + made(74) + "T3Blbk" + "FJ" + made(74),
    "openai old": "sk" + "-" + made(20) + "T3Blbk" + "FJ" + made(20),
    "openai service": "sk" + "-svcacct-" + made(60),
    "anthropic": "sk" + "-ant-api03-" + made(93) + "AA",
    "openrouter": "sk" + "-or-v1-" + made(64, HEX),
    "deepseek": "sk" + "-" + made(32, HEX),
    "hugging face": "hf" + "_" + made(34),
    "wandb": "wandb" + "_v1_" + made(70),
    "neptune": "eyJhcGlf" + "YWRkcmVzcyI6" + made(90),
    "kaggle": "KGAT" + "_" + made(32, HEX),
    "replicate": "r8" + "_" + made(37),
    "groq": "gsk" + "_" + made(52),
    "perplexity": "pplx" + "-" + made(48),
    "xai": "xai" + "-" + made(80),
    "pinecone": "pcsk" + "_" + made(60),
    "langsmith": "lsv2" + "_pt_" + made(32, HEX) + "_" + made(10, HEX),
    "tavily": "tvly" + "-dev-" + made(32),
    "nvidia": "nvapi" + "-" + made(64),
    "elevenlabs": "sk" + "_" + made(48, HEX),
    "google": "AIza" + made(35),
    "google secret": "GOCSPX" + "-" + made(28),
    "google oauth": "ya29" + "." + made(60),
    "azure client": "Abc8" + "Q~" + made(34),
    "databricks": "dapi" + made(32, HEX),
    "slack bot": "xoxb" + "-" + made(12, string.digits) + "-" + made(24),
    "slack app": "xapp" + "-1-" + made(40),
    "telegram": made(10, string.digits) + ":AA" + made(33),
    "stripe": "sk" + "_live_" + made(24),
    "stripe restricted": "rk" + "_live_" + made(24),
    "stripe hook": "whsec" + "_" + made(32),
    "square": "sq0atp" + "-" + made(22),
    "shopify": "shpat" + "_" + made(32, HEX),
    "sendgrid": "SG" + "." + made(22) + "." + made(43),
    "mailgun": "key" + "-" + made(32, HEX),
    "mailchimp": made(32, HEX) + "-us12",
    "twilio": "SK" + made(32, HEX),
    "npm": "npm" + "_" + made(36),
    "pypi": "pypi-AgE" + "IcHlwaS5vcmc" + made(80),
    "rubygems": "rubygems" + "_" + made(48, HEX),
    "docker": "dckr" + "_pat_" + made(27),
    "vault": "hvs" + "." + made(90),
    "terraform": made(14) + ".atlas" + "v1." + made(67),
    "pulumi": "pul" + "-" + made(40, HEX),
    "digitalocean": "dop" + "_v1_" + made(64, HEX),
    "linear": "lin" + "_api_" + made(40),
    "notion": "ntn" + "_" + made(46),
    "airtable": "pat" + made(14) + "." + made(64, HEX),
    "figma": "figd" + "_" + made(40),
    "grafana": "glsa" + "_" + made(32) + "_" + made(8, HEX),
    "grafana cloud": "glc" + "_" + made(60),
    "new relic": "NRAK" + "-" + made(27, string.ascii_uppercase + string.digits),
    "sentry": "sntrys" + "_" + made(60),
    "postman": "PMAK" + "-" + made(24, HEX) + "-" + made(34, HEX),
    "planetscale": "pscale" + "_tkn_" + made(43),
    "supabase": "sbp" + "_" + made(40, HEX),
    "prefect": "pnu" + "_" + made(36),
    "dbt": "dbtc" + "_" + made(40),
    "doppler": "dp" + ".st.dev." + made(42),
    "buildkite": "bkua" + "_" + made(40, HEX),
    "circleci": "CCIPAT" + "_" + made(22) + "_" + made(40, HEX),
    "jwt": "eyJ" + made(33) + "." + "eyJ" + made(60) + "." + made(43),
    "private key": "-----BEGIN RSA PRIVATE " + "KEY-----\n" + made(400) + "\n-----END RSA PRIVATE KEY-----",
    "age": "AGE-SECRET" + "-KEY-1" + made(58, string.ascii_uppercase + string.digits),
}

PLACES = (
    "client = Client('{}')",
    "  {} \n",
    "print: key={}, done",
    '{{"a": ["{}"]}}',
    "curl -H 'X-Thing: {}' https://host/x",
    "ValueError: the service refused {}",
)

BENIGN = (
    "max_tokens = 512; num_tokens = '1024'; tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
    "tokenizer.pad_token = tokenizer.eos_token; eos_token='<|endoftext|>', pad_token = '[PAD]', bos_token=\"<s>\"",
    "sha256:" + made(64, HEX),
    "commit " + made(40, HEX),
    "id 01999b1c-7c5a-7b8e-9d55-0a6b5c3d2e1f",
    "data:image/png;base64," + made(4000),
    "key = 'petal_width'; primary_key = 'id_2024_final'; sort_key='column_12'",
    "df.groupby(key='customer_id2')['x']; sorted(items, key=lambda item: item[1])",
    "password = getpass('Password: ')\ntoken = os.environ['HF_TOKEN']\napi_key = userdata.get('OPENAI_API_KEY')",
    "api_key = '<your-api-key>'; token = 'your_token_here_123'; secret = 'xxxxxxxxxxxx'",
    "https://user@example.com/path and mailto:someone@example.com and https://example.com:8080/a@b",
    "git@github.com:owner/name.git ssh://git@github.com/owner/name",
    "auth = HTTPBasicAuth(user, password)",
    "token: 'positive_sentiment' attention_mask key_padding_mask='none'",
    "author = 'Jane Doe 1984'; authors = ['A', 'B']; keyboard = 'qwerty123456'",
    "sk-learn sk-image scikit-learn-1.9.0-cp311-cp311-manylinux_2_27_x86_64.whl",
    "accuracy 0.9123 loss 1.2e-05 epoch 12/100 [==========>...] - ETA: 0s",
    "Traceback (most recent call last): KeyError: 'feature_importances_2'",
    "checkpoint-1200/pytorch_model-00001-of-00002.bin",
    "fit(token=token2_Hash9, password=Password9x, api_key=keys[0])\ntoken = tokens12[3]; secret=secrets1.token_hex(16)",
    "SKLEARN_SEED=42 TOKENIZERS_PARALLELISM=false CUBLAS_WORKSPACE_CONFIG=:4096:8",
)


@pytest.mark.parametrize("kind", SECRETS)
def test_each_known_form_is_replaced_wherever_it_stands(kind: str) -> None:
    secret = SECRETS[kind]
    for place in PLACES:
        cleaned = Redactor({}).text(place.format(secret))
        assert secret not in cleaned
        assert secret[12:-2] not in cleaned
        assert "‹redacted: " in cleaned


def test_the_table_has_a_sample_of_most_kinds() -> None:
    found = Redactor({})
    for secret in SECRETS.values():
        found.text(secret)
    assert (
        len({name for name, _, _ in KINDS} - set(found.found)) <= 16
    )  # those that only stand in an address or a header


@pytest.mark.parametrize("text", BENIGN)
def test_what_only_looks_like_a_secret_is_left_alone(text: str) -> None:
    redactor = Redactor({})
    assert redactor.text(text) is text
    assert not redactor.found


def test_a_notebook_that_others_wrote_is_left_alone() -> None:
    texts = [
        path.read_text(encoding="utf-8")
        for path in Path(__file__).parents[2].glob("example_notebooks/*.ipynb")
    ]
    assert texts
    for text in texts:
        assert Redactor({}).text(text) is text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('password = "hunter2x"', "hunter2x"),
        ("db_password: str = 'correct horse'", "correct horse"),
        ('{"api_key": "' + made(32, HEX) + '"}', made(32, HEX)),
        ("wandb.login(key=x, api_key='" + made(40, HEX) + "')", made(40, HEX)),
        ("os.environ['WANDB_API_KEY'] = '" + made(40, HEX) + "'", made(40, HEX)),
        ('os.environ.setdefault("SECRET_KEY", "' + made(40) + '")', made(40)),
        ("export AWS_SECRET_ACCESS_KEY=" + made(40, LETTERS + "/+"), made(40, LETTERS + "/+")),
        ("%env HF_TOKEN=" + made(20), made(20)),
        ("!mysql --password s3cr3tpass -u root\n", "s3cr3tpass"),
        ("aws_secret_access_key = '" + made(40) + "'", made(40)),
        ("Authorization: Bearer " + made(30), made(30)),
        ("headers = {'Authorization': 'Basic dXNlcjpwYXNzd29yZA=='}", "dXNlcjpwYXNzd29yZA=="),
        ("postgresql://me:tr0ub4dor@db.example.com:5432/x", "tr0ub4dor"),
        ("create_engine('mysql+pymysql://root:a%40b@localhost/x')", "a%40b"),
        ("https://" + made(40) + "@github.com/owner/name.git", made(40)),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + made(86) + "==;", made(86) + "=="),
        ("https://a.blob.core.windows.net/c?sv=2024&sig=" + made(43) + "%3D&se=1", made(43) + "%3D"),
        ("https://hooks.slack.com/services/T00000000/" + made(24), "services/T00000000/" + made(24)),
        ("clientSecret: '" + made(30) + "'", made(30)),
    ],
)  # fmt: skip
def test_what_is_given_to_a_secrets_name_is_replaced_and_the_rest_is_kept(text: str, secret: str) -> None:
    cleaned = Redactor({}).text(text)
    assert secret not in cleaned
    assert "‹redacted: " in cleaned
    assert cleaned.startswith(text[: text.index(secret)].split("uthorization")[0])
    assert cleaned.endswith(text[text.index(secret) + len(secret) :])


def test_python_stays_python() -> None:
    source = f'token = "{SECRETS["github"]}"\npassword = """{made(12)}"""\nx = 1\n'
    compile(Redactor({}).text(source), "cell", "exec")


def test_the_values_of_this_processs_variables_are_replaced_in_every_text() -> None:
    secret = "Tr0ub4dor&3/x"
    redactor = Redactor(
        {
            "DB_PASSWORD": secret,
            "TOKENIZERS_PARALLELISM": "false",
            "MY_TOKEN": "short1",
            "HOME": "/var/x1y2z3",
        }
    )
    assert (
        redactor.text(f"environ({{'DB_PASSWORD': '{secret}'}})").count("‹redacted: value of DB_PASSWORD›")
        == 1
    )
    assert "3%2Fx" not in redactor.text("https://host/?p=Tr0ub4dor%263%2Fx")
    assert redactor.text("false short1 /var/x1y2z3") == "false short1 /var/x1y2z3"


def test_a_variable_that_comes_later_or_was_unset_is_replaced_too() -> None:
    environment: dict[str, str] = {}
    redactor = Redactor(environment)
    assert redactor.text("zq81-LLmx") == "zq81-LLmx"
    environment["SERVICE_TOKEN"] = "zq81-LLmx"
    redactor.refresh()
    assert "zq81" not in redactor.text("zq81-LLmx")
    del environment["SERVICE_TOKEN"]
    redactor.refresh()
    assert "zq81" not in redactor.text("zq81-LLmx")
    redactor.learn("password", "Wuff-99-miau")
    redactor.learn("batch", "Wuff-11-miau")
    assert redactor.text("Wuff-99-miau Wuff-11-miau") == "‹redacted: value of password› Wuff-11-miau"


def test_params_are_judged_by_their_names() -> None:
    redactor = Redactor({})
    params = {
        "lr": 0.1, "max_tokens": 512, "token": 7, "eos_token": "</s>", "db_password": "secretword",
        "login": {"api_key": made(24), "user": "me"}, "keys": [SECRETS["github"], "a"],
    }  # fmt: skip
    assert redactor.value(params) == {
        "lr": 0.1, "max_tokens": 512, "token": 7, "eos_token": "</s>", "db_password": "‹redacted: value of db_password›",
        "login": {"api_key": "‹redacted: value of api_key›", "user": "me"}, "keys": ["‹redacted: GitHub token›", "a"],
    }  # fmt: skip
    assert sum(redactor.found.values()) == 3


def test_a_notebook_is_looked_through_as_it_reads_and_not_as_it_is_written() -> None:
    lines = SECRETS["private key"].splitlines(keepends=True)
    picture = "AKIA" + made(16, UPPER)
    data = {"image/png": picture, "text/plain": f"'{SECRETS['npm']}'"}
    cell = {"cell_type": "code", "source": ["key = '''", *lines, "'''"], "outputs": [{"data": data}]}
    content = json.dumps({"cells": [cell], "nbformat": 4}).encode()
    redactor = Redactor({})
    cleaned = json.loads(redactor.notebook(content))["cells"][0]
    assert "".join(cleaned["source"]) == "key = '''‹redacted: private key›'''"
    assert cleaned["outputs"][0]["data"] == {"image/png": picture, "text/plain": "'‹redacted: npm token›'"}
    assert sum(redactor.found.values()) == 2


@pytest.mark.parametrize("content", [b"{}", b"not json", b"\xff\xfe", b'{"cells": [1, null, ["a", 2]]}'])
def test_a_notebook_without_secrets_is_left_byte_for_byte(content: bytes) -> None:
    assert Redactor({}).notebook(content) is content


def test_twice_is_the_same_as_once() -> None:
    redactor = Redactor({"A_TOKEN": "zq81-LLmx"})
    text = (
        "\n".join(place.format(secret) for secret in SECRETS.values() for place in PLACES)
        + "password='abcdefg' zq81-LLmx"
    )
    once = redactor.text(text)
    assert redactor.text(once) == once


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "openai_api_key",
        "password",
        "DB_PASSWD",
        "clientSecret",
        "AWS_SECRET_ACCESS_KEY",
        "apiKey",
        "GITHUB_PAT",
        "SENTRY_DSN",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "tokenizer",
        "pad_token",
        "key",
        "monkey",
        "primary_key",
        "author",
        "path",
        "pattern",
        "compat",
        "TOKENIZERS_PARALLELISM",
        "n_keys",
        "keyboard",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_sensitive(name)


def test_the_commands_of_a_trace_are_looked_through_and_its_keys_stay() -> None:
    token = SECRETS["github"]
    trace = {
        "commands": [f"git push https://x:{token}@example.org/r"],
        "reads": ["password", "file:/k/secret.csv"],
    }
    record = CellTraced(execution="e", trace=trace)
    cleaned, note = Redaction(Redactor({})).clean(record, encode(record))
    assert isinstance(cleaned, CellTraced)
    assert note is None
    assert token not in cleaned.trace["commands"][0]
    assert cleaned.trace["commands"][0].startswith("git push ")
    assert cleaned.trace["reads"] == trace["reads"]
    plain = CellTraced(execution="e", trace={"commands": ["git status"]})
    assert Redaction(Redactor({})).clean(plain, encode(plain))[0] is plain


@pytest.mark.parametrize("name", ["api-key", "X-API-Key", "access-key", "connection-string", "webhook-url"])
def test_a_name_with_dashes_says_as_much_as_one_with_underscores(name: str) -> None:
    assert is_sensitive(name)
    assert not is_sensitive("primary-key")
    assert not is_sensitive("pad-token")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (
            "https://h.org/x.csv?token=Zt5Wd3Yp81q&page=2",
            "https://h.org/x.csv?token=‹redacted: value of token›&page=2",
        ),
        (
            "read('s3://b/x?a=1&api-key=Zt5Wd3Yp81q')",
            "read('s3://b/x?a=1&api-key=‹redacted: value of api-key›')",
        ),
        ("https://h.org/x?page_token=Zt5Wd3Yp81q", "https://h.org/x?page_token=Zt5Wd3Yp81q"),
        ("https://h.org/x?token=positive", "https://h.org/x?token=positive"),
        ("https://h.org/x?password=hunter2x", "https://h.org/x?password=‹redacted: value of password›"),
        ("a = b&token", "a = b&token"),
    ],
)
def test_what_the_query_of_an_address_gives_to_a_secrets_name_is_replaced(text: str, cleaned: str) -> None:
    assert Redactor({}).text(text) == cleaned


def test_a_profile_tells_no_value_of_a_column_that_is_called_a_secret() -> None:
    columns = [
        {"name": "password", "top": {"hunter2": 3}},
        {"name": "city", "top": {"Rome": 2, "sv-Kq7X2": 1, "ghp_" + "Zt5Wd3Yp" * 5: 1}},
    ]
    record = DataRead(execution="e", datasets=[{"name": "X", "profile": {"columns": columns}}, {"name": "y"}])
    redaction = Redaction(Redactor({"API_TOKEN": "sv-Kq7X2"}))
    cleaned, _ = redaction.clean(record, encode(record))
    assert isinstance(cleaned, DataRead)
    first, second = cleaned.datasets[0]["profile"]["columns"]
    assert first["top"] == {}
    assert list(second["top"]) == ["Rome", "‹redacted: value of API_TOKEN›", "‹redacted: GitHub token›"]
    assert columns[0]["top"] == {"hunter2": 3}


def test_rows_with_a_secret_are_not_kept_to_verify_a_model() -> None:
    rows = [[1.0, "a", "x"], [2.0, "ghp_" + "Zt5Wd3Yp" * 5, None], [3.0, "c", None]]
    document = {
        "schema": {"n": "float", "text": "str", "password": "str"},
        "rows": rows,
        "predictions": [0, 1, 2],
    }
    kept = json.loads(rows_without_secrets(json.dumps(document).encode(), Redactor({})))
    assert (kept["rows"], kept["predictions"]) == ([rows[2]], [2])
    clean = json.dumps({**document, "rows": rows[2:], "predictions": [2]}).encode()
    assert rows_without_secrets(clean, Redactor({})) is clean


VALUES = ["sv-Kq7X2!", 'q"7\\x9Zü\n2w', "p🙂x7K2w9Q", "Zt5Wd3Yp81q"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*SECRETS.values(), *VALUES]),
            st.sampled_from(
                ["postgres://a:hunter2x@h/d", "https://h/x?token=Zt5Wd3Yp81q", 'pwd="Zt5Wd3Yp81q"']
            ),
            st.sampled_from(
                ["export API_KEY=Zt5Wd3Yp81q\n", "MY_TOKEN = 'Zt5Wd3Yp81q'", "{'dsn': 'Zt5Wd3Yp81q'}"]
            ),
            st.text(max_size=12),
            st.sampled_from([" ", "\n", '"', "'", "\\", "=", ": "]),
        ),
        max_size=6,
    ).map("".join)
)
def test_what_has_a_secret_is_suspected_as_json(text: str) -> None:
    redactor = Redactor({f"A{place}_TOKEN": value for place, value in enumerate(VALUES)})
    document = {"outputs": [{"text": text}]}
    if redactor.value(document) != document:
        assert redactor.suspects(json.dumps(document))


@pytest.mark.parametrize(
    "name",
    ["pat", "GITHUB_PAT", "github.pat", "pat_2", "PAT-id", "apiKey", "license-key", "auth", "password"],
)
def test_what_is_called_a_secret_is_suspected_as_json(name: str) -> None:
    redactor, document = Redactor({}), {"a": [{name: "Zt5Wd3Yp81q"}]}
    assert redactor.value(document) != document
    assert redactor.suspects(json.dumps(document))


def test_a_plain_record_is_not_suspected() -> None:
    document = {
        "source": "model = RandomForestClassifier().fit(X, y)\nprint(model.score(X, y))",
        "path": "/a/b",
    }
    assert not Redactor({"A_TOKEN": "Zt5Wd3Yp81q"}).suspects(json.dumps(document))
