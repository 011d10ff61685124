"""What workers can import is asked of a worker, and kept."""

from distributed import Client, LocalCluster

from batch.packages import tell_packages
from core.worker_packages import told


def test_first_worker_tells_what_it_can_import(moto_stores):
    assert told(moto_stores) is None

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        assert not tell_packages(moto_stores, client)  # nobody is there
        cluster.scale(1)
        client.wait_for_workers(1, timeout=100)
        assert tell_packages(moto_stores, client)

    packages = told(moto_stores)
    assert {"pandas", "json", "yaml"} <= set(packages.modules)
    assert all(packages.has(name) for name in ("pandas", "PyYAML", "pyyaml", "yaml", "huggingface-hub"))
    assert not packages.has("no_such_package")
