# SPDX-License-Identifier: MIT
"""The Debian packages: what is in them, what describes the programs, and (long) that a clean system takes them."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import lab

PROGRAMS = ("paceline-recv", "paceline-send", "paceline-decode")
PACKAGES = (*PROGRAMS, "libpaceline-dev")


def run(*argv, seconds=120, code=0, **options):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=seconds, **options)
    if done.returncode != code:
        raise AssertionError(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@unittest.skipUnless(shutil.which("dpkg-shlibdeps"), "dpkg-dev is not here")
class PackagesTest(lab.E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = tempfile.TemporaryDirectory(prefix="paceline-packages-")
        cls.addClassCleanup(made.cleanup)
        folder = pathlib.Path(made.name)
        run("cpack", "--config", lab.BUILD / "CPackConfig.cmake", "-B", folder)
        cls.files = {file.name.split("_")[0]: file for file in folder.glob("*.deb")}
        cls.root = folder / "root"
        for file in cls.files.values():
            run("dpkg-deb", "-x", file, cls.root)


class Contents(PackagesTest):
    def names(self, package):
        listed = run("dpkg-deb", "-c", self.files[package])
        return [line.split(None, 5)[5][1:] for line in listed.splitlines() if not line.endswith("/")]

    def field(self, package, name):
        return run("dpkg-deb", "-f", self.files[package], name).strip()

    def test_each_is_there_and_none_has_another_ones_files(self):
        self.assertEqual(sorted(self.files), sorted(PACKAGES))
        all_names = [name for package in PACKAGES for name in self.names(package)]
        self.assertEqual(len(all_names), len(set(all_names)))
        for package in PACKAGES:
            documents = {pathlib.Path(name).name for name in self.names(package) if f"/doc/{package}/" in name}
            self.assertGreaterEqual(documents, {"copyright", "changelog.gz", "NEWS.gz"})

    def test_programs_come_with_page_completion_and_their_libraries(self):
        for program in PROGRAMS:
            names = self.names(program)
            self.assertIn(f"/usr/bin/{program}", names)
            self.assertIn(f"/usr/share/man/man1/{program}.1.gz", names)
            self.assertIn(f"/usr/share/bash-completion/completions/{program}", names)
            self.assertRegex(self.field(program, "Depends"), r"libc6 \(.*libprotobuf")

    def test_the_library_comes_with_what_finds_it(self):
        names = " ".join(self.names("libpaceline-dev"))
        for wanted in ("/usr/include/paceline/sender.h", "libpaceline_sender.a", "paceline-config.cmake"):
            self.assertIn(wanted, names)
        self.assertNotIn("/usr/bin/", names)
        # Each package that the CMake files look for.
        config = next(self.root.glob("usr/lib/**/paceline-config.cmake")).read_text()
        depends = self.field("libpaceline-dev", "Depends").lower()
        for found in re.findall(r"find_dependency\((\w+)\)", config):
            known = {"Threads": "g++", "nlohmann_json": "nlohmann-json3-dev", "ZLIB": "zlib1g-dev",
                     "OpenSSL": "libssl-dev", "PkgConfig": "pkg-config"}.get(found, f"lib{found.lower()}-dev")
            self.assertIn(known, depends)

    def test_the_service_is_valid_and_outlasts_the_grace_time(self):
        unit = (self.root / "usr/lib/systemd/system/paceline-recv.service").read_text()
        self.assertGreater(int(re.search(r"TimeoutStopSec=(\d+)s", unit)[1]), 25)
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        here = self.scratch() / "paceline-recv.service"
        here.write_text(unit.replace("/usr/bin/paceline-recv", str(self.root / "usr/bin/paceline-recv")))
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((said.returncode, said.stderr), (0, ""))

    def test_the_services_file_and_all_that_it_suggests_are_understood(self):
        self.assertEqual(run("dpkg-deb", "-I", self.files["paceline-recv"], "conffiles").split(),
                         ["/etc/paceline/recv.toml"])
        text = (self.root / "etc/paceline/recv.toml").read_text()
        suggested = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
        self.assertNotEqual(suggested, text)
        for content in (text, suggested):
            file = self.scratch() / "recv.toml"
            file.write_text(content)
            receiver = self.start(self.root / "usr/bin/paceline-recv", "--config", file, "--bind", "127.0.0.1",
                                  "--port", "0", "--data-port", "0", "--http-port", "0", "--tc", "off", "--record",
                                  self.scratch())
            receiver.wait_for("listening")
            self.assertEqual(receiver.stop(), 0)


class Described(PackagesTest):
    """What describes a program names all that its --help names."""

    def helps(self, program):
        """Each command's help; the program's own as that of ''."""
        path = self.root / "usr/bin" / program
        helps = {"": run(path, "--help")}
        commands = helps[""].partition("Subcommands:\n")[2].partition("\n\n")[0]
        for command in re.findall(r"(?m)^  ([a-z]+)", commands):
            helps[command] = run(path, command, "--help")
        return helps

    def options(self, text):
        return {name for names in re.findall(r"(?m)^  (-\S+)", text) for name in names.split(",")}

    def complete(self, program, *words):
        """What bash offers for the last word."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; '
                  'spec=($(complete -p "$1")); "${spec[2]}" "$1"; printf "%s\\n" "${COMPREPLY[@]}"')
        file = self.root / "usr/share/bash-completion/completions" / program
        return set(run("bash", "-uc", script, "bash", file, program, *words, cwd=self.scratch()).split())

    def test_manual_pages_have_every_option(self):
        for program in PROGRAMS:
            packed = (self.root / f"usr/share/man/man1/{program}.1.gz").read_bytes()
            page = gzip.decompress(packed).decode().replace("\\-", "-")
            sections = re.split(r'(?m)^\.SH "COMMAND (.*)"$', page)
            told = dict(zip(["", *map(str.lower, sections[1::2])], sections[0::2]))
            helps = self.helps(program)
            self.assertEqual(set(told), set(helps))
            for command, text in helps.items():
                named = {name for names in re.findall(r"(?m)^\.B (-\S+)", told[command]) for name in names.split(",")}
                self.assertEqual(named, self.options(text), f"{program} {command}")

    def test_manual_pages_are_sound(self):
        if not shutil.which("man"):
            self.skipTest("man is not here")
        for program in PROGRAMS:
            page = self.root / f"usr/share/man/man1/{program}.1.gz"
            shown = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, timeout=60,
                                   env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
            self.assertEqual((shown.returncode, shown.stderr), (0, ""))
            self.assertIn("SEE ALSO", shown.stdout)

    def test_completion_offers_every_command_and_option(self):
        for program in PROGRAMS:
            helps = self.helps(program)
            for command, text in helps.items():
                words = [command] if command else []
                self.assertEqual(self.complete(program, *words, "-"), self.options(text), f"{program} {command}")
            if len(helps) > 1:
                self.assertEqual(self.complete(program, "") - self.options(helps[""]), set(helps) - {""})

    def test_completion_offers_values(self):
        self.assertEqual(self.complete("paceline-send", "latency", "--protocol", ""), {"udp", "tcp", "sctp", "icmp"})
        self.assertEqual(self.complete("paceline-send", "latency", "--meter", "=", "r"), {"round-trip"})
        self.assertEqual(self.complete("paceline-send", "latency", "--rate", ""), set())
        self.assertEqual(self.complete("paceline-recv", "--log-level", "w"), {"warning"})
        self.assertEqual(self.complete("paceline-decode", "compare", "--format", "la"), {"latex"})
        self.assertEqual(self.complete("paceline-send", "remote", "HOST", "--", "connections", "--ud"), {"--udp"})

    def test_completion_offers_files(self):
        folder = self.scratch()
        (folder / "flows.toml").touch()
        self.assertEqual(self.complete("paceline-send", "run", f"{folder}/fl"), {f"{folder}/flows.toml"})
        self.assertEqual(self.complete("paceline-recv", "--config", f"{folder}/fl"), {f"{folder}/flows.toml"})


@lab.long_test
@unittest.skipUnless(os.geteuid() == 0 and shutil.which("mmdebstrap"), "needs root and mmdebstrap")
class CleanSystem(PackagesTest):
    """Debian as it is installed, and nothing else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = tempfile.TemporaryDirectory(prefix="paceline-debian-")
        cls.addClassCleanup(made.cleanup)
        cls.debian = pathlib.Path(made.name) / "root"
        run("mmdebstrap", "--mode=root", "--variant=apt", "--include=man-db,bash-completion", "--skip=cleanup/apt",
            "--dpkgopt=path-include=/usr/share/man/*", "bookworm", cls.debian, seconds=600)
        shutil.copy("/etc/resolv.conf", cls.debian / "etc")
        for file in cls.files.values():
            shutil.copy(file, cls.debian / "tmp")

    def inside(self, *argv, **options):
        return run("chroot", self.debian, *argv, seconds=600,
                   env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                   **options)

    def traces(self):
        own = ("/var/lib/dpkg/", "/var/cache/", "/var/log/", "/tmp/")
        paths = ("/" + str(path.relative_to(self.debian)) for path in self.debian.rglob("*paceline*"))
        return [path for path in paths if not path.startswith(own)]

    def test_installs_measures_and_leaves_nothing(self):
        debs = [f"/tmp/{self.files[program].name}" for program in PROGRAMS]
        self.inside("apt-get", "install", "--yes", "--no-install-recommends", *debs)
        self.inside("apt-get", "install", "--simulate", f"/tmp/{self.files['libpaceline-dev'].name}")
        for program in PROGRAMS:
            self.assertRegex(self.inside(program, "--version"), r"\d+\.\d+\.\d+")
            self.assertIn("OPTIONS", self.inside("man", program))

        receiver = self.start("chroot", self.debian, "paceline-recv", "--config", "/etc/paceline/recv.toml", "--bind",
                              "127.0.0.1", "--port", "0", "--data-port", "0", "--tc", "off")
        port = receiver.wait_for(r"signalling port (\d+)/tcp")[1]
        sender = self.start("chroot", self.debian, "paceline-send", "latency", f"127.0.0.1:{port}", "--duration", "1s",
                            "--rate", "100", "--json")
        self.assertEqual(sender.finish(), 0, sender.log())
        self.assert_unharmed(sender.flow(), 100)
        self.assertEqual(receiver.stop(), 0)

        self.inside("apt-get", "purge", "--yes", *PROGRAMS)
        self.assertEqual(self.traces(), [])


if __name__ == "__main__":
    lab.main()
