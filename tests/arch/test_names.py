"""Nothing in the repository is about one machine: no paths of it, no package index of it."""

import re

from tests.arch.tree import ROOT, project_files

# Put together here, so that this file does not find itself.
PLACES = [re.escape("/" + name) for name in ("work/", "root/", "Users/")] + ["/" + r"home/(?!placet\b|user\b)\w+"]
INDEX = ["--(extra-)?index" + "-url", "--find" + "-links", "--trusted" + "-host"]
MACHINE = re.compile(r"(?<![\w.}>~\"-])(" + "|".join(PLACES) + ")")
DOWNLOAD = re.compile("|".join(INDEX))
BINARY = {".png", ".pdf", ".ttf", ".woff2", ".ico", ".parquet", ".zip"}


def test_no_file_names_a_path_of_one_machine():
    found = []
    for path in project_files():
        if path.suffix in BINARY or "vendor" in path.parts:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            if MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


def test_the_lock_files_name_no_place_to_download_from():
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text().splitlines()
        assert [line for line in lines if DOWNLOAD.search(line) or "://" in line.partition("#")[0]] == [], name
