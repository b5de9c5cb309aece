"""The benchmark suite: fastjac beside its peers, run by airspeed velocity (`asv`) or as one table by `asv_benches.report`."""
