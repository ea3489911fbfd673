# SPDX-License-Identifier: MIT
"""The manifests: what they resolve to, held against the rules that a cluster applies. No cluster is needed."""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import lab
from certificates import Certificates

try:
    import yaml
except ImportError:
    yaml = None

FOLDER = lab.REPOSITORY / "deploy" / "kubernetes"
COMPONENTS = sorted(path.name for path in (FOLDER / "components").iterdir())


def kustomize_works():
    """Components are of kustomize 3.7; Debian's kubectl has an older one."""
    if not shutil.which("kubectl"):
        return False
    told = subprocess.run(["kubectl", "kustomize", FOLDER / "overlays" / "tc"], capture_output=True, text=True)
    return told.returncode == 0


needs_kustomize = unittest.skipUnless(yaml and kustomize_works(), "needs python3-yaml and a kubectl with kustomize 4 or newer")


def python_with_kubernetes():
    """Debian's own, where another comes first; None if there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        told = subprocess.run([python, "-c", "import kubernetes.client, yaml"], capture_output=True)
        if told.returncode == 0:
            return python
    return None


PYTHON_WITH_KUBERNETES = python_with_kubernetes()


def rendered(folder):
    text = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def pod_of(document):
    return document["spec"]["template"]["spec"]


def restricted_violations(pod):
    """The rules of the restricted Pod Security Standard that a pod breaks, each by its name there."""
    broken = []

    def rule(name, kept):
        if not kept:
            broken.append(name)

    securities = [pod.get("securityContext", {})] + [c.get("securityContext", {}) for c in pod["containers"]]
    rule("Host Namespaces", not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")))
    rule("Privileged Containers", not any(s.get("privileged") for s in securities))
    rule("Volume Types", all(set(volume) - {"name"} <= {"configMap", "secret", "emptyDir", "projected", "csi",
                                                        "downwardAPI", "ephemeral", "persistentVolumeClaim"}
                             for volume in pod.get("volumes", [])))
    rule("Host Ports", not any(port.get("hostPort") for c in pod["containers"] for port in c.get("ports", [])))
    rule("Running as Non-root", pod["securityContext"].get("runAsNonRoot") is True)
    rule("Running as Non-root user", all(s.get("runAsUser", 1) != 0 for s in securities))
    rule("Seccomp", pod["securityContext"].get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"))
    for security in securities[1:]:
        rule("Privilege Escalation", security.get("allowPrivilegeEscalation") is False)
        capabilities = security.get("capabilities", {})
        rule("Capabilities", "ALL" in capabilities.get("drop", []) and
             set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"})
    return broken


@needs_kustomize
class Manifests(lab.E2eTest):
    def variant(self, overlay, *components):
        """An overlay with components, as a user would write it."""
        folder = self.scratch()
        shutil.copytree(FOLDER, folder / "kubernetes")
        mine = folder / "kubernetes" / "mine"
        mine.mkdir()
        (mine / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            f"resources: [../overlays/{overlay}]\n"
            f"components: [{', '.join(f'../components/{name}' for name in components)}]\n")
        return rendered(mine)

    def schema_violations(self, documents):
        told = subprocess.run([PYTHON_WITH_KUBERNETES, lab.HERE / "manifest_schema.py"], capture_output=True, text=True,
                              input=yaml.safe_dump_all(documents))
        self.assertEqual(told.stderr, "")
        return told.stdout.splitlines()

    @unittest.skipUnless(PYTHON_WITH_KUBERNETES, "needs python3-kubernetes")
    def test_all_are_as_the_apis_schema_says(self):
        every_one = [document for overlay in ("tc", "restricted") for components in ([], *[[c] for c in COMPONENTS])
                     for document in self.variant(overlay, *components)]
        self.assertLessEqual({"ConfigMap", "DaemonSet", "Deployment", "NetworkPolicy", "Service"},
                             {document["kind"] for document in every_one})
        self.assertEqual(self.schema_violations(every_one + rendered(FOLDER / "sender")), [])

        pod_of(of_kind(every_one, "Deployment")[0])["securityContext"]["runAsNonroot"] = True
        self.assertRegex("\n".join(self.schema_violations(every_one)), "runAsNonroot: there is no such field")

    def only_pod(self, documents):
        (deployment,) = of_kind(documents, "Deployment")
        return pod_of(deployment)

    def test_restricted_keeps_the_restricted_standard(self):
        (deployment,) = of_kind(rendered(FOLDER / "overlays" / "restricted"), "Deployment")
        self.assertEqual(restricted_violations(pod_of(deployment)), [])
        (job,) = of_kind(rendered(FOLDER / "sender"), "Job")
        self.assertEqual(restricted_violations(pod_of(job)), [])

    def test_tc_adds_just_the_capabilities(self):
        (deployment,) = of_kind(rendered(FOLDER / "overlays" / "tc"), "Deployment")
        self.assertEqual(restricted_violations(pod_of(deployment)), ["Capabilities"])
        self.assertEqual(pod_of(deployment)["containers"][0]["securityContext"]["capabilities"],
                         {"drop": ["ALL"], "add": ["BPF", "NET_ADMIN", "PERFMON"]})

    def test_every_component_goes_with_every_overlay(self):
        for overlay in ("tc", "restricted"):
            documents = self.variant(overlay, *[name for name in COMPONENTS if name != "daemonset"])
            self.assertEqual(len(of_kind(documents, "Deployment")), 1)
            documents = self.variant(overlay, *COMPONENTS)
            self.assertEqual(of_kind(documents, "Deployment"), [])
            (daemons,) = of_kind(documents, "DaemonSet")
            self.assertNotIn("replicas", daemons["spec"])
            pod = pod_of(daemons)
            self.assertEqual(pod["volumes"][0]["secret"], {"secretName": "paceline-keys", "defaultMode": 0o440})
            self.assertEqual(pod["securityContext"]["seccompProfile"]["type"], "Localhost")

    def test_services_lead_to_the_pods_ports(self):
        documents = rendered(FOLDER / "overlays" / "tc")
        (deployment,) = of_kind(documents, "Deployment")
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        ports = {port["name"]: (port["containerPort"], port["protocol"])
                 for port in pod_of(deployment)["containers"][0]["ports"]}
        services = {service["metadata"]["name"]: service["spec"] for service in of_kind(documents, "Service")}
        for spec in services.values():
            self.assertLessEqual(spec["selector"].items(), labels.items())
            for port in spec["ports"]:
                self.assertEqual(ports[port["targetPort"]][1], port["protocol"])
                self.assertLessEqual(len(port["name"]), 15)
        node = {port["name"]: port["nodePort"] for port in services["paceline-recv"]["ports"]}
        self.assertEqual(node, {"signalling": 30900, "data-udp": 30899, "data-tcp": 30899})
        self.assertEqual(services["paceline-recv"]["externalTrafficPolicy"], "Local")
        self.assertEqual(services["paceline-recv-headless"]["clusterIP"], "None")

    def test_a_load_balancer_maps_nothing(self):
        documents = self.variant("restricted", "loadbalancer")
        service = next(s for s in of_kind(documents, "Service") if s["metadata"]["name"] == "paceline-recv")
        self.assertEqual(service["spec"]["type"], "LoadBalancer")
        self.assertFalse(any("nodePort" in port for port in service["spec"]["ports"]))

    def test_the_receiver_takes_the_configuration(self):
        certificates = Certificates(self.scratch())
        for components in ((), ("keys",), ("loadbalancer",), ("keys", "tls")):
            documents = self.variant("restricted", *components)
            (settings,) = of_kind(documents, "ConfigMap")
            environment = dict(settings["data"])
            if "PACELINE_KEY_FILE" in environment:
                keys = self.scratch() / "keys"
                keys.write_text("lab 0123456789abcdef0123456789abcdef\n")
                keys.chmod(0o440)
                environment["PACELINE_KEY_FILE"] = str(keys)
            if "tls" in components:
                self.assertEqual([volume["secret"]["secretName"] for volume in self.only_pod(documents)["volumes"]],
                                 ["paceline-keys", "paceline-tls"])
                environment["PACELINE_TLS_CERTIFICATE"] = str(certificates.certificate)
                environment["PACELINE_TLS_KEY"] = str(certificates.key)
            environment["PACELINE_HTTP_PORT"] = "0"
            environment["PACELINE_LOG_FORMAT"] = "text"
            receiver = self.start_loopback_receiver(env=environment)
            self.assertNotIn("PACELINE_", receiver.stderr)
            receiver.stop()


@unittest.skipUnless(yaml, "needs python3-yaml")
class Files(unittest.TestCase):
    def test_every_file_is_yaml_and_every_reference_is_there(self):
        for path in FOLDER.rglob("*.yaml"):
            for document in yaml.safe_load_all(path.read_text()):
                if document["kind"] not in ("Kustomization", "Component"):
                    continue
                for name in document.get("resources", []) + document.get("components", []):
                    self.assertTrue((path.parent / name).exists(), f"{path}: {name}")

    def test_the_page_names_what_there_is(self):
        page = (lab.REPOSITORY / "docs" / "kubernetes.md").read_text()
        for name in COMPONENTS:
            self.assertIn(f"`{name}`", page)
        for command in re.findall(r"kubectl apply -k (\S+)", page):
            self.assertTrue((lab.REPOSITORY / command / "kustomization.yaml").exists(), command)


if __name__ == "__main__":
    lab.main()
