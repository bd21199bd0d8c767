"""Get the guest files: Debian's ppc64el kernel, busybox and GRUB through apt; make an initramfs, and GRUB's disk.

Needs nothing but a Debian with Python and no rights on it: apt runs on state and cache folders of its own. What was
fetched once is kept by version and used again with no network; `--refresh` asks the archive for newer versions.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boot_disks
import chrp_kernels
import cpio
import grub_files
import kernel_modules

__all__ = ["GuestsError", "guests_folder", "initramfs", "main"]

RECIPES = Path(__file__).resolve().parent.parent / "guests"
ARCHITECTURE = "ppc64el"
KERNEL = "linux-image-powerpc64le"  # depends on the newest linux-image-VERSION-powerpc64le
BUSYBOX = "busybox-static"
GRUB = "grub-ieee1275-bin"
SOURCE = "linux-source"  # depends on the newest linux-source-VERSION
CHRP = (*chrp_kernels.KERNELS, chrp_kernels.INITRD)
RESULTS = (
    *("vmlinux", "initrd.gz", "initrd-modules.gz", "versions.json"),
    *(f"grub/{name}" for name in grub_files.RESULTS),
    *(f"chrp32/{name}" for name in CHRP),
    *(f"boot/{name}" for name in boot_disks.RESULTS),
)
PARTS = ("kernel", "busybox", "grub", "modules", "source")


_MODULES = "modules"


class GuestsError(Exception):
    """The guest files can't be made; the message is one line that says what to do."""


def guests_folder() -> Path:
    """Return where the guest files are: $VOF_GUESTS, else one cache for all clones of one user."""
    if folder := os.environ.get("VOF_GUESTS"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vof" / "guests"


def initramfs(busybox: bytes, init: bytes, modules: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Return the guest's first file system, compressed: `init` makes the rest at run time, and loads the modules."""
    order = "".join(f"{name}\n" for name, _ in modules).encode()
    folders = ("bin", "sbin", "usr", "usr/bin", "usr/sbin", "dev", "proc", "sys", "tmp", "root")
    return cpio.compressed(
        [
            *map(cpio.directory, folders),
            cpio.device("dev/console", 5, 1),
            cpio.file("bin/busybox", busybox, executable=True),
            cpio.symlink("bin/sh", "busybox"),
            cpio.file("init", init, executable=True),
            *((cpio.directory("modules"), cpio.file("modules/order", order)) if modules else ()),
            *(cpio.file(f"modules/{name}", data) for name, data in modules),
        ]
    )


class Apt:
    """apt for a foreign architecture with the system's own sources, and state and cache in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("state/lists/partial", "cache/archives/partial", "debs"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        settings = {
            "Dir::State": folder / "state",
            "Dir::State::status": folder / "status",
            "Dir::State::lists": folder / "state/lists",
            "Dir::Cache": folder / "cache",
            "APT::Architecture": ARCHITECTURE,
            "APT::Architectures": ARCHITECTURE,
            "APT::Sandbox::User": "",  # else apt changes to a user who can't read the folder
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Acquire::http::Timeout": "30",
        }
        self._options = [f"-o{name}={value}" for name, value in settings.items()]

    def update(self) -> str:
        """Read the indexes and return apt's last complaint.

        apt fails when one source of many has nothing for the architecture: what counts is what can be had afterwards.
        """
        done = self._run("apt-get", "-q", "update")
        complaints = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
        return complaints[0][3:] if complaints else "no source of this system has packages for " + ARCHITECTURE

    def newest(self, package: str) -> str | None:
        """Return the version that apt would install, or nothing."""
        done = self._run("apt-cache", "show", "--no-all-versions", package)
        return _field(done.stdout, "Version")

    def stands_for(self, package: str, prefix: str) -> str | None:
        """Return the package, whose name has this prefix, that another one stands for."""
        depends = _field(self._run("apt-cache", "show", "--no-all-versions", package).stdout, "Depends")
        return next((word for word in (depends or "").split() if word.startswith(prefix)), None)

    def download(self, package: str, version: str) -> Path:
        """Fetch one package and return its file; apt checks it against the signed index."""
        done = self._run("apt-get", "-q", "-oAcquire::Retries=3", "download", f"{package}={version}")
        found = list((self._folder / "debs").glob(f"{package}_*.deb"))
        if done.returncode or not found:
            last = (done.stderr.strip().splitlines() or ["apt-get gave no reason"])[-1]
            raise GuestsError(f"{package} {version} can't be downloaded: {last}; connect and run again")
        return found[0]

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, *self._options, *arguments]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, cwd=self._folder / "debs", env=environment, capture_output=True, text=True)


def _field(text: str, name: str) -> str | None:
    return next((line.partition(": ")[2] for line in text.splitlines() if line.startswith(name + ": ")), None)


def fetch(target: Path, *, quick: bool) -> dict[str, Any]:
    """Download the packages, keep what is wanted of them under their versions, and return what was got."""
    with tempfile.TemporaryDirectory(prefix="vof-guests-") as scratch:
        apt = Apt(Path(scratch) / "apt")
        complaint = apt.update()
        kernel = apt.stands_for(KERNEL, "linux-image-")
        source = SOURCE if quick else apt.stands_for(SOURCE, "linux-source-")
        source_version = source and apt.newest(source)
        kernel_version = kernel and apt.newest(kernel)
        busybox_version, grub_version = apt.newest(BUSYBOX), apt.newest(GRUB)
        if not (kernel and kernel_version and busybox_version and grub_version and source and source_version):
            raise GuestsError(f"can't reach the Debian archive: {complaint}; connect and run again")
        got = {
            "kernel": _take(apt, kernel, kernel_version, "boot/vmlinux-*", target, Path(scratch)),
            "busybox": _take(apt, BUSYBOX, busybox_version, "bin/busybox", target, Path(scratch)),
            "grub": _take(apt, GRUB, grub_version, "", target, Path(scratch)),
        }
        if not quick:
            got["modules"] = _take(apt, kernel, kernel_version, _MODULES, target, Path(scratch))
            got["source"] = _take(apt, source, source_version, "src/linux-source-*.tar.xz", target, Path(scratch))
        return got


def _take(apt: Apt, package: str, version: str, pattern: str, target: Path, scratch: Path) -> dict[str, str]:
    """Bring one file out of a package, or the package itself, into the cache, under a name that holds the version."""
    kind = ".modules" if pattern == _MODULES else ""
    kept = target / "files" / f"{package}_{version.replace(':', '%3a')}{kind}"
    note = kept.with_name(kept.name + ".json")
    if not note.exists():
        say(f"fetching {package} {version}")
        deb = apt.download(package, version)
        if pattern == _MODULES:
            subprocess.run(["dpkg-deb", "--extract", deb, scratch / package], check=True)
            place(kept, kernel_modules.archive(scratch / package))
        else:
            place(kept, (_find(deb, pattern, scratch / package) if pattern else deb).read_bytes())
        entry = {
            "package": package,
            "version": version,
            "architecture": ARCHITECTURE,
            "package_sha256": digest(deb.read_bytes()),
            "file": f"files/{kept.name}",
            "sha256": digest(kept.read_bytes()),
        }
        place(note, as_json(entry))
    got: dict[str, str] = json.loads(note.read_bytes())
    return got


def _find(deb: Path, pattern: str, root: Path) -> Path:
    """The one file of a package that a pattern is for."""
    subprocess.run(["dpkg-deb", "--extract", deb, root], check=True)
    found = [path for path in (*root.glob(pattern), *root.glob("usr/" + pattern)) if path.is_file()]
    if len(found) != 1:
        raise GuestsError(f"{deb.name} has no {pattern}: its layout has changed; see tools/guest_files.py")
    return found[0]


def build(target: Path, *, refresh: bool, quick: bool = False) -> None:
    """Leave `RESULTS` in `target`; ask the network only for what the cache doesn't hold.

    Args:
        target: the cache.
        refresh: ask for newer versions in any case.
        quick: leave out what takes minutes to build: the 32-bit kernels.
    """
    versions_file = target / "versions.json"
    versions: dict[str, Any] = {}
    if versions_file.exists() and not refresh:
        versions = json.loads(versions_file.read_bytes())
    needed = ("kernel", "busybox", "grub") if quick else PARTS
    if not all(part in versions and (target / versions[part]["file"]).exists() for part in needed):
        versions = {**versions, **fetch(target, quick=quick)}
    point(target / "vmlinux", versions["kernel"]["file"])

    init = (RECIPES / "init").read_bytes()
    recipe = initrd_recipe()
    initrd = target / "initrd.gz"
    stale = versions.get("initrd", {}).get("recipe_sha256") != recipe
    if stale or not initrd.exists():
        place(initrd, initramfs((target / versions["busybox"]["file"]).read_bytes(), init))
    versions["initrd"] = {"file": "initrd.gz", "recipe_sha256": recipe, "sha256": digest(initrd.read_bytes())}
    if not quick:
        _make_modules(target, versions, init)
        _make_boot_disks(target, versions)
    _make_grub(target, versions)
    if not quick:
        _make_chrp(target, versions)
    if not versions_file.exists() or versions_file.read_bytes() != as_json(versions):
        place(versions_file, as_json(versions))


def initrd_recipe() -> str:
    """Changes when what is in the initial RAM disks changes, their programs and modules apart."""
    tools = (RECIPES / "init", Path(cpio.__file__), Path(__file__))
    return digest(b"".join(path.read_bytes() for path in tools))


def boot_recipe(versions: dict[str, Any]) -> str:
    """Changes when what is on the disks to boot from changes."""
    parts = (boot_disks.recipe(), *(versions[part]["sha256"] for part in ("grub", "kernel", "initrd_modules")))
    return digest("".join(parts).encode())


def _make_modules(target: Path, versions: dict[str, Any], init: bytes) -> None:
    """Make the initial RAM disk with modules, for Linux on a disk of its own."""
    initrd, made = target / "initrd-modules.gz", versions.get("initrd_modules", {})
    modules = target / versions["modules"]["file"]
    recipe = versions["initrd"]["recipe_sha256"] + versions["modules"]["sha256"]
    if not initrd.exists() or made.get("recipe_sha256") != recipe:
        busybox = (target / versions["busybox"]["file"]).read_bytes()
        place(initrd, initramfs(busybox, init, kernel_modules.members(modules.read_bytes())))
        made = {"file": initrd.name, "recipe_sha256": recipe, "sha256": digest(initrd.read_bytes())}
    versions["initrd_modules"] = made


def _make_boot_disks(target: Path, versions: dict[str, Any]) -> None:
    """Make the disks that a machine boots from, where they are missing or made of something else."""
    folder, made = target / "boot", versions.get("boot_disks", {})
    recipe = boot_recipe(versions)
    if made.get("recipe_sha256") != recipe or not all((folder / name).exists() for name in boot_disks.RESULTS):
        for tool, package in boot_disks.TOOLS.items():
            if not shutil.which(tool) and not shutil.which(tool, path="/usr/sbin:/sbin"):
                raise GuestsError(f"{tool} is not here: apt-get install {package}")
        say("making disks to boot from")
        grub, kernel = (target / versions[part]["file"] for part in ("grub", "kernel"))
        try:
            boot_disks.make(grub, kernel, target / versions["initrd_modules"]["file"], folder)
        except subprocess.CalledProcessError as error:
            raise GuestsError(f"{error.cmd[0]} failed ({error.returncode}): see tools/boot_disks.py") from None
    versions["boot_disks"] = {"recipe_sha256": recipe}


def _make_grub(target: Path, versions: dict[str, Any]) -> None:
    """Make GRUB's core and disk where they are missing, damaged or of another recipe."""
    folder, recipe = target / "grub", grub_files.recipe()
    made = versions.get("grub_files", {})
    current = {name: digest((folder / name).read_bytes()) for name in grub_files.RESULTS if (folder / name).exists()}
    if made.get("recipe_sha256") != recipe or made.get("sha256") != current:
        for tool, package in grub_files.TOOLS.items():
            if not shutil.which(tool) and not shutil.which(tool, path="/usr/sbin:/sbin"):
                raise GuestsError(f"{tool} is not here: apt-get install {package}")
        say("making GRUB's core and disk")
        try:
            grub_files.make(target / versions["grub"]["file"], folder)
        except subprocess.CalledProcessError as error:
            raise GuestsError(f"{error.cmd[0]} failed ({error.returncode}): see tools/grub_files.py") from None
        current = {name: digest((folder / name).read_bytes()) for name in grub_files.RESULTS}
    versions["grub_files"] = {"recipe_sha256": recipe, "sha256": current}


def _make_chrp(target: Path, versions: dict[str, Any]) -> None:
    """Make the 32-bit kernels and their initial RAM disk, where they are missing, damaged or of another recipe."""
    folder, made = target / "chrp32", versions.get("chrp32", {})
    recipes = {
        "kernels": chrp_kernels.kernels_recipe() + versions["source"]["sha256"],
        "initrd": chrp_kernels.initrd_recipe(),
    }

    def current() -> dict[str, str]:
        return {name: digest((folder / name).read_bytes()) for name in CHRP if (folder / name).exists()}

    found, before = current(), made.get("sha256", {})
    stale = {
        part
        for part, names in (("kernels", chrp_kernels.KERNELS), ("initrd", (chrp_kernels.INITRD,)))
        if made.get("recipes", {}).get(part) != recipes[part]
        or any(found.get(name) is None or found[name] != before.get(name) for name in names)
    }
    if stale:
        for tool, package in chrp_kernels.TOOLS.items():
            if not shutil.which(tool):
                raise GuestsError(f"{tool} is not here: apt-get install {package}")
        try:
            if "kernels" in stale:
                say("building 32-bit kernels for CHRP (some minutes, once)")
                chrp_kernels.make_kernels(target / versions["source"]["file"], folder)
            if "initrd" in stale:
                place(folder / chrp_kernels.INITRD, chrp_kernels.make_initrd())
        except subprocess.CalledProcessError as error:
            raise GuestsError(f"{error.cmd[0]} failed ({error.returncode}): see tools/chrp_kernels.py") from None
    versions["chrp32"] = {"recipes": recipes, "sha256": current()}


def place(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
    Path(scratch).chmod(0o644)
    Path(scratch).replace(path)


def point(link: Path, target: str) -> None:
    """Make `link` name `target`, at once."""
    if link.is_symlink() and str(link.readlink()) == target:
        return
    scratch = link.with_name(f".new-{link.name}-{os.getpid()}")
    scratch.symlink_to(target)
    scratch.replace(link)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def as_json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def say(text: str) -> None:
    print(f"make guests: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other clones out while the cache changes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Get the guest files into the cache, and print where they are.")
    parser.add_argument("--refresh", action="store_true", help="ask the archive for newer versions")
    parser.add_argument(
        "--quick", action="store_true", help="leave out the 32-bit kernels, which take minutes to build"
    )
    parser.add_argument("--where", action="store_true", help="only print the folder")
    options = parser.parse_args(arguments)
    target = guests_folder()
    if not options.where:
        missing = [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if not shutil.which(tool)]
        try:
            if missing:
                raise GuestsError(
                    f"{missing[0]} is not here: the guest files come from Debian packages; run on a Debian"
                )
            with locked(target):
                build(target, refresh=options.refresh, quick=options.quick)
        except GuestsError as error:
            say(str(error))
            return 1
        except OSError as error:
            say(f"{error.filename or target}: {error.strerror}; set VOF_GUESTS to a folder that can be written")
            return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
