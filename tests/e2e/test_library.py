# SPDX-License-Identifier: MIT
"""The installed library, used by a project that knows nothing of this tree (tests/consumer)."""

import os
import subprocess

import lab


class Library(lab.E2eTest):
    def run_to_success(self, *argv, seconds=300):
        done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, timeout=seconds)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_an_outside_project_finds_builds_and_measures(self):
        directory = self.scratch()
        prefix, build = directory / "prefix", directory / "build"
        self.run_to_success("cmake", "--install", lab.BUILD, "--prefix", prefix)
        self.assertEqual(sorted(path.name for path in (prefix / "bin").iterdir()),
                         ["paceline-decode", "paceline-recv", "paceline-send"])
        flags = os.environ.get("PACELINE_SANITIZE", "")
        self.run_to_success("cmake", "-G", "Ninja", "-S", lab.REPOSITORY / "tests" / "consumer", "-B", build,
                            f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release",
                            f"-DCMAKE_CXX_FLAGS={f'-fsanitize={flags}' if flags else ''}")
        self.run_to_success("cmake", "--build", build)
        self.assertIn("all as it must be", self.run_to_success(build / "consumer", seconds=60))

    def test_installed_headers_need_only_the_standard_library(self):
        for header in (lab.REPOSITORY / "include" / "paceline").glob("*.h"):
            for line in header.read_text().splitlines():
                if line.startswith("#include"):
                    self.assertRegex(line, r'^#include (<[a-z_]+>|"paceline/[a-z_]+\.h")', header)


if __name__ == "__main__":
    lab.main()
