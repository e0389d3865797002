"""Apache Kafka, one node that is broker and controller (KRaft), on the Java of a wheel."""

import base64
import os
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

from deploy.embedded import artifacts, java
from deploy.embedded.errors import ServerFailed
from deploy.embedded.ports import LOOPBACK, is_listening
from deploy.embedded.progress import Progress
from deploy.embedded.server import Launch, Server, Site, unfinished

_LOG4J = Path(__file__).with_name("log4j2.properties")
_METADATA_TIMEOUT_S = 2


def broker_properties(site: Site, log_path: Path) -> dict[str, str]:
    """The broker's settings, each that differs from Kafka's default with its reason."""
    broker = f"{LOOPBACK}:{site.ports['broker']}"
    controller = f"{LOOPBACK}:{site.ports['controller']}"
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"BROKER://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"BROKER://{broker},CONTROLLER://{controller}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": controller,
        "log.dirs": str(log_path),
        # Topics are data (schemas/topics.toml): a misspelt name must fail, not make a topic.
        "auto.create.topics.enable": "false",
        # One node: internal topics cannot have three replicas.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Fewer partitions to load at each start than the 50 of a real cluster.
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.num.partitions": "4",
        # A synchronous offset commit costs 1 ms instead of 8; there is no herd to batch here.
        "group.coordinator.append.linger.ms": "0",
        "group.initial.rebalance.delay.ms": "0",
        # Eight and three threads by default, for a machine with a core for each: on two, handing a request from
        # thread to thread costs more than the request.
        "num.network.threads": "1",
        "num.io.threads": "2",
        # The cleaner's 128 MB map would eat a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": "8388608",
        # After SIGKILL the controller refuses the new broker until the old one's session ends.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
    }


def _prepare(site: Site) -> Launch:
    program = java.executable()
    classpath = artifacts.fetch("kafka", cache=site.cache, on_progress=site.on_progress)
    site.config_path.mkdir(parents=True, exist_ok=True)
    config = site.config_path / "server.properties"
    config.write_text(java.render_properties(broker_properties(site, site.data_path)))
    env = {**java.ENVIRONMENT, "CLASSPATH": os.pathsep.join(map(str, classpath))}
    options = (*java.scratch_options(site.home), f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}")
    if not (site.data_path / "meta.properties").is_file():
        site.on_progress(Progress(server="kafka", step="preparing", detail="formatting storage"))
        _format(site, (program, *options), env=env)
    heap = ("-Xms512m", "-Xmx512m")
    # Kafka's own start script gives these.
    collector = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExplicitGCInvokesConcurrent")
    # This broker lives for minutes, and the second compiler would take half of its time for a first one.
    compiler = ("-XX:TieredStopAtLevel=1",)
    wanted = shlex.split(os.environ.get("DANSHU_KAFKA_JAVA_OPTIONS", ""))  # the last one counts
    return Launch(
        argv=(program, *heap, *collector, *compiler, *options, *wanted, "kafka.Kafka", str(config)),
        env=env,
        cwd=site.home,
    )


def _format(site: Site, java_command: tuple[str, ...], *, env: dict[str, str]) -> None:
    storage = unfinished(site.data_path)
    storage.mkdir(parents=True)
    config = site.config_path / f"{storage.name}.properties"
    config.write_text(java.render_properties(broker_properties(site, storage)))
    quick = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    arguments = ("format", "--standalone", "--cluster-id", _cluster_id(), "--config", str(config))
    with site.log_path.open("ab") as log:
        done = subprocess.run(
            [*java_command, *quick, "kafka.tools.StorageTool", *arguments],
            env=env,
            cwd=site.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode != 0:
        raise ServerFailed("Kafka's storage cannot be formatted", log_path=site.log_path)
    config.unlink()
    shutil.rmtree(site.data_path, ignore_errors=True)
    storage.rename(site.data_path)


def _cluster_id() -> str:
    # Kafka's form of a uuid; "c" in front keeps it from looking like an option.
    return "c" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def _is_ready(site: Site) -> bool:
    # The port first: librdkafka is loud about refused connections.
    if not is_listening(site.ports["broker"]):
        return False
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient(
        {
            "bootstrap.servers": f"{LOOPBACK}:{site.ports['broker']}",
            "log_level": 0,
            "socket.timeout.ms": _METADATA_TIMEOUT_S * 1000,
        }
    )
    try:
        metadata = client.list_topics(timeout=_METADATA_TIMEOUT_S)
    except KafkaException:
        return False
    return len(metadata.brokers) == 1 and metadata.controller_id >= 0


KAFKA = Server(
    name="kafka",
    title="Apache Kafka",
    preferred_ports={"broker": 9092, "controller": 9193},
    prepare=_prepare,
    is_ready=_is_ready,
)
