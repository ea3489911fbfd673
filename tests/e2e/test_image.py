# SPDX-License-Identifier: MIT
"""The images, built by scripts/image and run as pods: what is in them, and what each securityContext gives."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import lab
from certificates import Certificates
from lab import NODE, endpoint

MEGABYTE = 1_000_000
RUN_IMAGE = lab.REPOSITORY / "scripts" / "run-image"
SECCOMP = lab.REPOSITORY / "deploy" / "kubernetes" / "seccomp.json"
FLOW = ("--rate", "500", "--duration", "500ms")
PACKETS = 250

tools_missing = [tool for tool in ("buildah", "runc", "setcap") if not shutil.which(tool)]
needs_tools = unittest.skipIf(tools_missing, f"needs {', '.join(tools_missing)}: scripts/install-dependencies image")


class Image(lab.E2eTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="paceline-image-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # The machine's own image storage is left alone.
        storage = {"STORAGE_DRIVER": "vfs", "CONTAINERS_STORAGE_CONF": str(cls.folder / "storage.conf")}
        (cls.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{cls.folder}/graph"\nrunroot = "{cls.folder}/run"\n')
        built = subprocess.run(
            [lab.REPOSITORY / "scripts" / "image", "--no-install", "--builder", "buildah", "--output", cls.folder,
             "receiver", "sender"], env=os.environ | storage, capture_output=True, text=True)
        if built.returncode != 0:
            raise AssertionError(f"scripts/image failed:\n{built.stdout}{built.stderr}")
        cls.receiver, cls.sender = cls.folder / "paceline-recv.tar", cls.folder / "paceline-send.tar"

    def start_pod(self, *options, arguments=(), image=None, netns="pod"):
        """Runs the image in a network namespace of the topology."""
        pod = self.start(RUN_IMAGE, "--netns", f"{self.topology.prefix}-{netns}", *options, image or self.receiver,
                         *arguments)
        self.addCleanup(pod.stop)
        return pod

    def start_receiver_pod(self, *options, arguments=()):
        pod = self.start_pod(*options, arguments=("--advertise", "udp=30899,tcp=30899", *arguments))
        pod.wait_for("listening: ")
        return pod

    def image_of(self, archive):
        """The image's configuration, and what is in its layers: name to size."""
        with tarfile.open(archive) as tar:
            def blob(descriptor):
                return tar.extractfile("blobs/" + descriptor["digest"].replace(":", "/"))
            manifest = json.load(blob(json.load(tar.extractfile("index.json"))["manifests"][0]))
            files = {}
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=blob(layer)) as inside:
                    files |= {entry.name: entry for entry in inside}
            return json.load(blob(manifest["config"]))["config"], files


@needs_tools
@lab.needs_namespaces
class Contents(Image):
    def test_one_static_program_and_nothing_else(self):
        for archive, program in ((self.receiver, "paceline-recv"), (self.sender, "paceline-send")):
            config, files = self.image_of(archive)
            self.assertEqual(list(files), [program])
            self.assertEqual(config["User"], "65532:65532")
            self.assertEqual(config["Entrypoint"], [f"/{program}"])
            self.assertEqual(config["Labels"]["org.opencontainers.image.title"], program)
            self.assertRegex(config["Labels"]["org.opencontainers.image.revision"], "^([0-9a-f]{40}|unknown)$")

    def test_the_receivers_image_is_small(self):
        _, files = self.image_of(self.receiver)
        self.assertLessEqual(sum(entry.size for entry in files.values()), 10 * MEGABYTE)

    def test_file_capabilities_survive_as_permitted_only(self):
        _, files = self.image_of(self.receiver)
        capability = files["paceline-recv"].pax_headers["SCHILY.xattr.security.capability"]
        revision_and_flags = capability.encode("utf-8", "surrogateescape")[:4]
        self.assertEqual(revision_and_flags[0], 0, "the effective flag keeps it from starting where one is missing")
        self.assertEqual(revision_and_flags[3], 2)  # VFS_CAP_REVISION_2


@needs_tools
@lab.needs_namespaces
class Pods(Image):
    """The four combinations of what a pod may be given, each measured through the NodePorts."""

    def setUp(self):
        self.make_topology()

    def hook(self, *options):
        """What the receiver's image stamps with, for either family."""
        pod = self.start_receiver_pod(*options)
        hooks = set()
        for family in (4, 6):
            flow = self.measure(endpoint(NODE[family], 30900), *FLOW).flow()
            self.assert_unharmed(flow, PACKETS)
            stamps = flow["stamping"]["rx.tc"]
            hooks.add(stamps["hook"])
            if stamps["hook"] == "tcx":
                self.assertEqual((stamps["stamped"], stamps["missed"]), (PACKETS, 0))
            else:
                self.assertIn("CAP_BPF", stamps["reason"])
                self.assertIn("CAP_NET_ADMIN", stamps["reason"])
        self.assertEqual(pod.stop(), 0, pod.log())
        (hook,) = hooks
        return hook

    def test_capabilities(self):
        self.assertEqual(self.hook(), "tcx")

    def test_capabilities_without_privilege_escalation(self):
        self.assertEqual(self.hook("--no-new-privileges"), "tcx")

    def test_no_capabilities(self):
        self.assertEqual(self.hook("--capabilities", "none"), "netstamp")

    def test_restricted(self):
        self.assertEqual(self.hook("--capabilities", "none", "--no-new-privileges"), "netstamp")

    def test_root_in_the_container(self):
        self.assertEqual(self.hook("--user", "0", "--no-new-privileges"), "tcx")

    def test_under_the_seccomp_profile(self):
        for options, hook in ((("--no-new-privileges",), "tcx"), ((), "tcx"),
                              (("--capabilities", "none", "--no-new-privileges"), "netstamp")):
            with self.subTest(options=options):
                self.assertEqual(self.hook("--seccomp", SECCOMP, *options), hook)

    def test_effective_file_capabilities_would_keep_it_from_starting(self):
        """Why the image has "+p": a program with "+ep" fails in a pod that lacks one of them."""
        root = self.scratch()
        root.chmod(0o755)
        subprocess.run(["tar", "-C", root, "-xf", self.receiver], check=True)
        manifest = json.loads((root / "index.json").read_text())["manifests"][0]["digest"].split(":")[1]
        (layer,) = json.loads((root / "blobs" / "sha256" / manifest).read_text())["layers"]
        subprocess.run(["tar", "-C", root, "-xf", root / "blobs" / "sha256" / layer["digest"].split(":")[1]],
                       check=True)
        program = root / "paceline-recv"
        for flags, code in (("p", 0), ("ep", 126)):
            subprocess.run(["setcap", f"cap_bpf,cap_net_admin+{flags}", program], check=True)
            ran = subprocess.run(
                ["setpriv", "--reuid", "65532", "--regid", "65532", "--clear-groups", "--inh-caps", "-all",
                 "--bounding-set", "-bpf,-net_admin", "sh", "-c", f"{program} --version"], capture_output=True,
                text=True)
            self.assertEqual(ran.returncode, code, ran.stderr)


@needs_tools
@lab.needs_namespaces
class Work(Image):
    """What pods do besides: both ends as images, keys, probes, records."""

    def setUp(self):
        self.make_topology()

    def test_the_senders_image_measures_by_a_name(self):
        self.start_receiver_pod("--no-new-privileges")
        hosts = self.scratch() / "hosts"
        hosts.write_text(f"{NODE[4]} the-node\n")
        hosts.parent.chmod(0o755)
        sender = self.start_pod("--capabilities", "none", "--no-new-privileges", "--mount", f"{hosts}:/etc/hosts",
                                image=self.sender, netns="client",
                                arguments=("latency", "the-node:30900", *FLOW, "--json"))
        self.assertEqual(sender.finish(), 0, sender.log())
        self.assert_unharmed(sender.flow(), PACKETS)

    def test_a_mounted_key_probes_and_the_environment(self):
        folder = self.scratch()
        folder.chmod(0o755)
        key = folder / "keys"
        key.write_text("lab 0123456789abcdef0123456789abcdef\n")
        os.chown(key, 0, 65532)  # as fsGroup and defaultMode: 0440 have it
        key.chmod(0o440)
        self.start_receiver_pod("--mount", f"{key}:/etc/paceline/keys", "--env",
                                "PACELINE_KEY_FILE=/etc/paceline/keys", arguments=("--http-port", "9001"))
        target = endpoint(NODE[4], 30900)
        refused = self.measure(target, *FLOW, code=lab.EXIT_SETUP)
        self.assertRegex(refused.stderr, "key")
        flow = self.measure(target, *FLOW, "--key-file", key).flow()
        self.assert_unharmed(flow, PACKETS)
        answer = self.topology.run("pod", "python3", "-c",
                                   "import urllib.request as u;print(u.urlopen('http://127.0.0.1:9001/readyz').read())")
        self.assertIn("ok", answer)

    def test_a_mounted_certificate_under_the_seccomp_profile(self):
        folder = self.scratch()
        folder.chmod(0o755)
        certificates = Certificates(folder)
        os.chown(certificates.key, 0, 65532)
        certificates.key.chmod(0o440)
        self.start_receiver_pod("--no-new-privileges", "--seccomp", SECCOMP, "--mount", f"{folder}:/etc/paceline-tls",
                                "--env", "PACELINE_TLS_CERTIFICATE=/etc/paceline-tls/receiver.pem",
                                "--env", "PACELINE_TLS_KEY=/etc/paceline-tls/receiver.key")
        target = endpoint(NODE[4], 30900)
        self.assertIn("by TLS alone", self.measure(target, *FLOW, code=lab.EXIT_SETUP).stderr)
        self.assert_unharmed(self.measure(target, *FLOW, *certificates.of_sender()).flow(), PACKETS)

    def test_records_come_back_from_a_pod_without_a_disk(self):
        self.start_receiver_pod("--no-new-privileges")
        file = self.scratch() / "flow.record"
        self.measure(endpoint(NODE[4], 30900), *FLOW, "--record", file)
        replayed = subprocess.run([lab.DECODER, "replay", file, "--json"], capture_output=True, text=True)
        self.assertEqual(replayed.returncode, 0, replayed.stderr)
        self.assertEqual(json.loads(replayed.stdout)["flows"][0]["received"]["packets"], PACKETS)

    def test_everything_is_given_up_once_the_hook_is_attached(self):
        pod = self.start_receiver_pod()
        children = subprocess.run(["pgrep", "-f", "^/paceline-recv .*--advertise"], capture_output=True, text=True)
        found = []
        for pid in children.stdout.split():
            if pathlib.Path(f"/proc/{pid}/ns/net").stat().st_ino != self.pod_network():
                continue
            for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
                text = status.read_text()
                found.append((re.search("CapPrm:\t(.*)", text)[1], re.search("CapEff:\t(.*)", text)[1]))
        self.assertTrue(found, pod.log())
        self.assertEqual(set(found), {("0" * 16, "0" * 16)})

    def pod_network(self):
        return pathlib.Path(f"/run/netns/{self.topology.prefix}-pod").stat().st_ino


if __name__ == "__main__":
    lab.main()
