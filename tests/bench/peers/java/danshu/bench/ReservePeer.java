package danshu.bench;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Reservations by Kafka Streams, exactly once: read an order, hold all its lines in the first warehouse that has them
 * all or none of them, remember the order, write the outcome. State lies in RocksDB with a changelog topic behind it.
 *
 * A store belongs to a partition, so the stock is cut: each partition owns its share of every row, and what another
 * one still has it cannot give.
 *
 * Argument: a properties file. `streams.*` goes to Kafka Streams as it is; `orders`, `outcomes` name topics; `placed`,
 * `reserved`, `short` are schema ids; `opening` is a file of `warehouse|sku=pieces`; `sourcing` one of
 * `province=warehouse,…;rule`; `partitions` of the orders topic.
 */
public final class ReservePeer {
    private static final String STOCK = "stock";
    private static final String HOLDS = "holds";

    record Choice(String[] warehouses, String rule) {}

    private final Properties given;
    private final Map<String, Integer> opening = new HashMap<>();
    private final Map<String, Choice> sourcing = new HashMap<>();

    private ReservePeer(Properties given) throws IOException {
        this.given = given;
        load(given.getProperty("opening")).forEach((row, pieces) -> opening.put((String) row, Integer.valueOf((String) pieces)));
        load(given.getProperty("sourcing")).forEach((province, choice) -> {
            String[] parts = ((String) choice).split(";");
            sourcing.put((String) province, new Choice(parts[0].split(","), parts[1]));
        });
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        ReservePeer peer = new ReservePeer(load(arguments[0]));
        KafkaStreams streams = new KafkaStreams(peer.topology(), peer.streamsConfig());
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            ended.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Thread closing = new Thread(() -> streams.close(Duration.ofSeconds(10)));
        Runtime.getRuntime().addShutdownHook(closing);
        streams.start();
        ended.await();
        System.exit(1);
    }

    private Topology topology() {
        Serde<byte[]> bytes = Serdes.ByteArray();
        Topology topology = new Topology();
        topology.addSource("orders", bytes.deserializer(), bytes.deserializer(), given.getProperty("orders"));
        topology.addProcessor("reserve", Reserving::new, "orders");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STOCK), Serdes.String(), Serdes.Integer())
                        .withCachingEnabled(), // a row written twice between two commits is written once
                "reserve");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(HOLDS), Serdes.String(), bytes), "reserve");
        topology.addSink("outcomes", given.getProperty("outcomes"), bytes.serializer(), bytes.serializer(), "reserve");
        return topology;
    }

    private Properties streamsConfig() {
        Properties config = new Properties();
        for (String name : given.stringPropertyNames()) {
            if (name.startsWith("streams.")) config.put(name.substring(8), given.getProperty(name));
        }
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        return config;
    }

    private static Properties load(String path) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(path))) {
            properties.load(reader);
        }
        return properties;
    }

    private final class Reserving implements Processor<byte[], byte[], byte[], byte[]> {
        private final int placed = Integer.parseInt(given.getProperty("placed"));
        private final int reserved = Integer.parseInt(given.getProperty("reserved"));
        private final int tooLittle = Integer.parseInt(given.getProperty("short"));
        private final int partitions = Integer.parseInt(given.getProperty("partitions"));
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<String, Integer> stock;
        private KeyValueStore<String, byte[]> holds;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            stock = context.getStateStore(STOCK);
            holds = context.getStateStore(HOLDS);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            if (Avro.schemaId(record.value()) != placed) return;
            Avro.Order order = Avro.readOrder(record.value());
            if (holds.get(order.orderId()) != null) return; // answered before
            byte[] outcome = decide(order);
            holds.put(order.orderId(), outcome);
            context.forward(record.withValue(outcome));
        }

        private byte[] decide(Avro.Order order) {
            Map<String, Integer> wanted = new HashMap<>();
            for (Avro.Line line : order.lines()) wanted.merge(line.sku(), line.quantity(), Integer::sum);
            Choice choice = sourcing.getOrDefault(order.province(), sourcing.get(""));
            long now = context.currentSystemTimeMs();
            for (String warehouse : choice.warehouses()) {
                Map<String, Integer> left = HashMap.newHashMap(wanted.size());
                for (Map.Entry<String, Integer> one : wanted.entrySet()) {
                    String row = warehouse + '|' + one.getKey();
                    int rest = there(row) - one.getValue();
                    if (rest < 0) break;
                    left.put(row, rest);
                }
                if (left.size() == wanted.size()) {
                    left.forEach(stock::put);
                    return Avro.reserved(reserved, order, now, warehouse, choice.rule());
                }
            }
            return Avro.shortOf(tooLittle, order, now, missing(order, choice.warehouses()[0]));
        }

        private List<Avro.Short> missing(Avro.Order order, String warehouse) {
            List<Avro.Short> missing = new ArrayList<>();
            for (Avro.Line line : order.lines()) {
                int available = there(warehouse + '|' + line.sku());
                if (available < line.quantity()) missing.add(new Avro.Short(line, available));
            }
            return missing;
        }

        /** Pieces of a row in this partition's share; one never touched stands at its opening. */
        private int there(String row) {
            Integer pieces = stock.get(row);
            if (pieces != null) return pieces;
            int whole = opening.getOrDefault(row, 0);
            return whole / partitions + (context.taskId().partition() < whole % partitions ? 1 : 0);
        }
    }
}
