# SPDX-License-Identifier: MIT
"""Source NAT on the way, as a Service with externalTrafficPolicy: Cluster does."""

import lab
from lab import NODE, POD, endpoint


@lab.needs_namespaces
class SourceNat(lab.E2eTest):
    def test_source_translation_is_reported_and_harmless(self):
        self.make_topology("--masquerade")
        self.start_receiver("--advertise", "udp=30899")
        for family, gateway in ((4, "10.244.1.1"), (6, "fd00:244:1::1")):
            with self.subTest(family=family):
                flow = self.measure(endpoint(NODE[family], 30900), "--rate", "500", "--duration", "500ms").flow()
                self.assert_unharmed(flow, 250)
                self.assertTrue(flow["path"]["source_translated"])
                self.assertTrue(flow["path"]["destination_translated"])
                self.assertTrue(flow["path"]["seen_from"].startswith(endpoint(gateway, "")))
                self.assertEqual(flow["path"]["arrived_at"], endpoint(POD[family], 8999))

    def test_no_translation_is_reported_as_none(self):
        self.make_topology()
        self.start_receiver()
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.measure(endpoint(POD[family], 9000), "--rate", "500", "--duration", "500ms").flow()
                self.assert_unharmed(flow, 250)
                self.assertFalse(flow["path"]["source_translated"])
                self.assertFalse(flow["path"]["destination_translated"])
                self.assertEqual(flow["path"]["dialled"], flow["path"]["arrived_at"])


if __name__ == "__main__":
    lab.main()
