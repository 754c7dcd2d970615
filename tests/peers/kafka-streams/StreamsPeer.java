import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * What somebody would write with Kafka Streams instead of the market processor, made as small and
 * as fast as it can be: it reads a quote, keeps a state for each symbol, and writes something every
 * hundredth time. With job=forward it keeps nothing and passes the quotes on that are waited for.
 *
 * <p>Options are name=value: bootstrap, application, in, out, state, guarantee, commit_ms,
 * job=count|forward, total, awaited (what the symbols to be forwarded begin with). It says on
 * standard output what happens, and ends with its standard input.
 */
public final class StreamsPeer {
  private static final String STORE = "symbols";
  private static final int OUTPUT_EVERY = 100;
  private static final LongAdder TAKEN = new LongAdder();

  private StreamsPeer() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new HashMap<>();
    for (String argument : arguments) {
      String[] pair = argument.split("=", 2);
      options.put(pair[0], pair[1]);
    }
    boolean counts = options.get("job").equals("count");
    KafkaStreams streams =
        new KafkaStreams(topology(options, counts), settings(options, counts));
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    endWithStandardInput();
    streams.start();
    if (counts) {
      tellProgress(Long.parseLong(options.get("total")));
    } else {
      while (streams.state() != KafkaStreams.State.RUNNING) {
        Thread.sleep(5);
      }
      System.out.println("running");
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  private static void tellProgress(long total) throws InterruptedException {
    while (TAKEN.sum() == 0) {
      Thread.sleep(2);
    }
    System.out.println("started");
    while (TAKEN.sum() < total) {
      Thread.sleep(5);
    }
    System.out.println("done");
    Thread.sleep(Long.MAX_VALUE);
  }

  /** Nothing stays behind when the benchmark ends, however that happens. */
  private static void endWithStandardInput() {
    Thread watch =
        new Thread(
            () -> {
              try {
                while (System.in.read() >= 0) {}
              } catch (java.io.IOException closed) {
                // The same as its end.
              }
              Runtime.getRuntime().halt(0);
            });
    watch.setDaemon(true);
    watch.start();
  }

  private static Properties settings(Map<String, String> options, boolean counts) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", options.get("bootstrap"));
    settings.put("application.id", options.get("application"));
    settings.put("state.dir", options.get("state"));
    settings.put("processing.guarantee", options.get("guarantee"));
    settings.put("commit.interval.ms", options.get("commit_ms"));
    settings.put("replication.factor", "1");
    settings.put("num.stream.threads", "2");
    settings.put("statestore.cache.max.bytes", "10485760");
    settings.put("producer.compression.type", "lz4");
    settings.put("producer.batch.size", "1000000");
    settings.put("consumer.max.poll.records", "10000");
    settings.put("consumer.fetch.max.bytes", "52428800");
    settings.put("consumer.max.partition.fetch.bytes", "8388608");
    // Each job gets what suits it: all of the past at full speed, or what comes now at once.
    settings.put("consumer.auto.offset.reset", counts ? "earliest" : "latest");
    settings.put("producer.linger.ms", counts ? "5" : "0");
    if (!counts) {
      settings.put("consumer.fetch.max.wait.ms", "5");
    }
    return settings;
  }

  private static Topology topology(Map<String, String> options, boolean counts) {
    Topology topology = new Topology();
    topology.addSource(
        "quotes", new StringDeserializer(), new ByteArrayDeserializer(), options.get("in"));
    if (counts) {
      topology.addProcessor("job", Count::new, "quotes");
      topology.addStateStore(
          Stores.keyValueStoreBuilder(
                  Stores.inMemoryKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
              .withLoggingEnabled(Map.of())
              .withCachingEnabled(),
          "job");
    } else {
      String awaited = options.get("awaited");
      topology.addProcessor("job", () -> new Forward(awaited), "quotes");
    }
    topology.addSink(
        "out", options.get("out"), new StringSerializer(), new ByteArraySerializer(), "job");
    return topology;
  }

  private static final class Count implements Processor<String, byte[], String, byte[]> {
    private final Quote quote = new Quote();
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> symbols;
    private long taken;

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      symbols = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, byte[]> record) {
      quote.read(record.value());
      byte[] known = symbols.get(record.key());
      long count = known == null ? 1 : ByteBuffer.wrap(known).getLong(16) + 1;
      byte[] state =
          ByteBuffer.allocate(32)
              .putLong(quote.bidPrice)
              .putLong(quote.askPrice)
              .putLong(count)
              .putLong(quote.eventTime)
              .array();
      symbols.put(record.key(), state);
      taken++;
      if (taken % OUTPUT_EVERY == 0) {
        context.forward(record.withValue(state));
      }
      TAKEN.increment();
    }
  }

  private static final class Forward implements Processor<String, byte[], String, byte[]> {
    private final Quote quote = new Quote();
    private final String awaited;
    private ProcessorContext<String, byte[]> context;

    Forward(String awaited) {
      this.awaited = awaited;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
    }

    @Override
    public void process(Record<String, byte[]> record) {
      quote.read(record.value());
      if (record.key().startsWith(awaited)) {
        context.forward(
            record.withValue(ByteBuffer.allocate(8).putLong(quote.eventTime).array()));
      }
    }
  }

  /** A quote in the wire format: five bytes of frame, then the Avro fields in their order. */
  private static final class Quote {
    private static final int FRAME = 5;
    long bidPrice;
    long askPrice;
    long eventTime;
    private byte[] bytes;
    private int at;

    void read(byte[] record) {
      bytes = record;
      at = FRAME;
      skip(); // symbol: it is the key
      skip(); // venue
      integer(); // seq
      bidPrice = decimal();
      askPrice = decimal();
      decimal(); // bid_size
      decimal(); // ask_size
      eventTime = integer();
      integer(); // ingest_time
      skip(); // source
    }

    private long integer() {
      long bits = 0;
      int shift = 0;
      byte next;
      do {
        next = bytes[at++];
        bits |= (long) (next & 0x7f) << shift;
        shift += 7;
      } while (next < 0);
      return (bits >>> 1) ^ -(bits & 1);
    }

    private void skip() {
      int length = (int) integer();
      at += length;
    }

    /** Big-endian two's complement of at most eight bytes. */
    private long decimal() {
      int end = (int) integer() + at;
      long value = bytes[at++];
      while (at < end) {
        value = value << 8 | bytes[at++] & 0xff;
      }
      return value;
    }
  }
}
