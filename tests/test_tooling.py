"""The repository's own tools: the Makefile, the guest files and the documents' links."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import boot_disks
import chrp_kernels
import cpio
import grub_files
import guest_files
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
TARGETS = {"boot", "test", "check", "bench", "lint", "guests", "fresh"}
NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
# The same for all of our peers: without them TCG warns on every start.
PSERIES = "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken"


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def documents() -> list[Path]:
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("**/*.md"))]


# --- the Makefile ---


def targets() -> dict[str, str]:
    """Return every target with its line of help."""
    lines = (REPOSITORY / "Makefile").read_text().splitlines()
    rules = (re.match(r"([a-z]+):[^=#]*(?:## (.*))?$", line) for line in lines)
    return {rule[1]: rule[2] or "" for rule in rules if rule}


def test_every_target_has_its_line_of_help() -> None:
    assert set(targets()) >= TARGETS
    assert [name for name, text in targets().items() if not text] == []
    shown = run("make", "--no-print-directory", "help").stdout
    assert [name for name, text in targets().items() if f"make {name} " not in shown or text not in shown] == []


def test_every_apt_package_has_its_reason() -> None:
    lines = (REPOSITORY / "tools" / "apt-packages.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"(#.*|[a-z0-9.+-]+ +# \S.*)", line)] == []


def test_no_tool_names_a_registry() -> None:
    """The system's own settings say where packages come from; a name of ours would break behind a mirror."""
    named = re.compile(r"https?://(?!127\.0\.0\.1)\S+|\w+\.(debian|pypi|pythonhosted)\.org")
    files = [REPOSITORY / "Makefile", REPOSITORY / "pyproject.toml", REPOSITORY / ".ci" / "run"]
    files += [path for folder in ("tools", "guests") for path in (REPOSITORY / folder).iterdir() if path.is_file()]
    assert [(path.name, match[0]) for path in files for match in named.finditer(path.read_text())] == []


# --- documents ---


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    inner = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inner if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_make_targets_in_documents_exist(document: Path) -> None:
    named = re.findall(r"(?:`|^ {4}|^\$ )make ([a-z]+)", document.read_text(), flags=re.MULTILINE)
    assert [name for name in named if name not in targets()] == []


# --- the initramfs ---

ENTRIES = [
    cpio.directory("bin"),
    cpio.file("bin/tool", b"12345", executable=True),
    cpio.symlink("bin/sh", "tool"),
    cpio.device("console", 5, 1),
    cpio.file("empty", b""),
]


def test_cpio_reads_what_we_write() -> None:
    done = subprocess.run(
        ["cpio", "-itv", "--numeric-uid-gid"],
        input=cpio.archive(ENTRIES),
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
    )
    shown = [re.sub(r" +", " ", line) for line in done.stdout.decode().splitlines()]
    assert shown == [
        "drwxr-xr-x 2 0 0 0 Jan 1 1970 bin",
        "-rwxr-xr-x 1 0 0 5 Jan 1 1970 bin/tool",
        "lrwxrwxrwx 1 0 0 4 Jan 1 1970 bin/sh -> tool",
        "crw------- 1 0 0 5, 1 Jan 1 1970 console",
        "-rw-r--r-- 1 0 0 0 Jan 1 1970 empty",
    ]


def test_the_same_entries_give_the_same_bytes() -> None:
    assert cpio.compressed(ENTRIES) == cpio.compressed(ENTRIES)
    assert cpio.compressed(ENTRIES)[4:8] == bytes(4)  # gzip's time stamp
    assert gzip.decompress(cpio.compressed(ENTRIES)) == cpio.archive(ENTRIES)


# --- make guests ---


def a_cache(folder: Path) -> Path:
    """Fill a folder as an earlier run left it, the initramfs apart."""
    (folder / "files").mkdir(parents=True)
    versions: dict[str, Any] = {}
    for part in guest_files.PARTS:
        (folder / "files" / part).write_text(part)
        versions[part] = {"package": part, "version": "1", "file": f"files/{part}", "sha256": part}
    (folder / "grub").mkdir()
    for name in grub_files.RESULTS:
        (folder / "grub" / name).write_text(name)
    made = {name: guest_files.digest(name.encode()) for name in grub_files.RESULTS}
    versions["grub_files"] = {"recipe_sha256": grub_files.recipe(), "sha256": made}
    for name in guest_files.CHRP:
        (folder / "chrp32" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "chrp32" / name).write_text(name)
    recipes = {"kernels": chrp_kernels.kernels_recipe() + "source", "initrd": chrp_kernels.initrd_recipe()}
    kept = {name: guest_files.digest(name.encode()) for name in guest_files.CHRP}
    versions["chrp32"] = {"recipes": recipes, "sha256": kept}
    initrd = {"recipe_sha256": guest_files.initrd_recipe() + "modules", "sha256": "made"}
    versions["initrd_modules"] = {"file": "initrd-modules.gz", **initrd}
    versions["boot_disks"] = {"recipe_sha256": guest_files.boot_recipe(versions)}
    (folder / "boot").mkdir()
    for name in ("initrd-modules.gz", *(f"boot/{disk}" for disk in boot_disks.RESULTS)):
        (folder / name).write_text("made")
    (folder / "versions.json").write_text(json.dumps(versions))
    return folder


def test_no_network_and_no_cache_is_one_clear_line(tmp_path: Path) -> None:
    done = run("python3", "tools/guest_files.py", VOF_GUESTS=str(tmp_path), **NO_NETWORK)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(
        r"make guests: can't reach the Debian archive: .*; connect and run again", done.stderr.rstrip("\n")
    )


def test_a_cache_is_enough_without_network(tmp_path: Path) -> None:
    folder = a_cache(tmp_path / "guests")
    done = run("python3", "tools/guest_files.py", VOF_GUESTS=str(folder), **NO_NETWORK)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{folder}\n", "")
    assert (folder / "vmlinux").read_text() == "kernel"
    assert b"busybox" in gzip.decompress((folder / "initrd.gz").read_bytes())


def test_a_changed_recipe_makes_a_new_initramfs(tmp_path: Path) -> None:
    folder = a_cache(tmp_path / "guests")
    run("python3", "tools/guest_files.py", VOF_GUESTS=str(folder), **NO_NETWORK)
    good = (folder / "initrd.gz").read_bytes()
    versions = json.loads((folder / "versions.json").read_text())
    versions["initrd"]["recipe_sha256"] = "another recipe's"
    (folder / "versions.json").write_text(json.dumps(versions))
    (folder / "initrd.gz").write_bytes(b"another recipe's")
    run("python3", "tools/guest_files.py", VOF_GUESTS=str(folder), **NO_NETWORK)
    assert (folder / "initrd.gz").read_bytes() == good


def test_a_damaged_grub_is_made_again(tmp_path: Path) -> None:
    folder = a_cache(tmp_path / "guests")
    (folder / "grub" / "core.elf").write_bytes(b"half of i")
    done = run("python3", "tools/guest_files.py", VOF_GUESTS=str(folder), **NO_NETWORK)
    assert "making GRUB's core and disk" in done.stderr and done.returncode == 1  # the package here is no package
    assert "Traceback" not in done.stderr


def test_a_damaged_kernel_is_built_again_and_an_old_initrd_made_again(tmp_path: Path) -> None:
    folder = a_cache(tmp_path / "guests")
    (folder / "chrp32" / "initrd.gz").write_bytes(b"another recipe's")
    done = run("python3", "tools/guest_files.py", VOF_GUESTS=str(folder), **NO_NETWORK)
    assert (done.returncode, done.stderr) == (0, "")
    assert b"init" in gzip.decompress((folder / "chrp32" / "initrd.gz").read_bytes())
    (folder / "chrp32" / "up" / "vmlinux").write_bytes(b"half of i")
    done = run("python3", "tools/guest_files.py", VOF_GUESTS=str(folder), **NO_NETWORK)
    assert "building 32-bit kernels" in done.stderr and done.returncode == 1  # the source here is no source
    assert "Traceback" not in done.stderr and not list(folder.glob(".kernels-*"))


def test_a_folder_that_cannot_be_made_is_one_clear_line() -> None:
    done = run("python3", "tools/guest_files.py", VOF_GUESTS="/dev/null/guests")
    assert done.returncode == 1
    assert done.stderr.startswith("make guests: /dev/null/guests: ") and "VOF_GUESTS" in done.stderr


# --- the guest files themselves, under QEMU's own firmware: a failure here is theirs, not ours ---


@pytest.mark.guest
def test_the_guest_files_are_what_their_versions_say() -> None:
    folder = guest_files.guests_folder()
    versions = json.loads((folder / "versions.json").read_text())
    assert set(versions) == {*guest_files.PARTS, "grub_files", "chrp32", "initrd", "initrd_modules", "boot_disks"}
    assert versions.pop("boot_disks")["recipe_sha256"] == guest_files.boot_recipe(versions)
    for part, below in (("grub_files", "grub"), ("chrp32", "chrp32")):
        for name, digest in versions.pop(part)["sha256"].items():
            assert hashlib.sha256((folder / below / name).read_bytes()).hexdigest() == digest
    for part in versions.values():
        assert hashlib.sha256((folder / part["file"]).read_bytes()).hexdigest() == part["sha256"]
    assert (folder / "vmlinux").read_bytes()[:6] == b"\x7fELF\x02\x01"  # 64 bits, little endian


@pytest.mark.guest
@pytest.mark.parametrize(
    ("word", "last"),
    [("poweroff", "reboot: Power down"), ("reboot", "reboot: Restarting system"), ("panic", "OS panic: sysrq")],
)
def test_init_does_what_the_command_line_asks(word: str, last: str) -> None:
    folder = guest_files.guests_folder()
    done = run(
        *("qemu-system-ppc64", "-machine", PSERIES, "-m", "1G", "-nodefaults", "-nographic", "-no-reboot"),
        *("-serial", "stdio"),
        *("-kernel", folder / "vmlinux", "-initrd", folder / "initrd.gz"),
        *("-append", f"console=hvc0 vof.run={word}"),
    )
    assert "vof: user space is up" in done.stdout
    assert last in done.stdout + done.stderr
