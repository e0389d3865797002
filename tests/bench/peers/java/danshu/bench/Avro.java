package danshu.bench;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Our records on the wire: 0x00, four bytes of schema id, Avro's binary encoding (Apache Avro 1.12 specification).
 *
 * Of danshu.orders.OrderPlaced what a reservation needs is read: everything up to `province`. Values in between are
 * stepped over; what comes after it is not looked at.
 */
final class Avro {
    static final int HEADER_BYTES = 5;

    record Line(int lineNo, String sku, int quantity) {}

    record Order(String orderId, List<Line> lines, String province) {}

    record Short(Line line, int available) {}

    private Avro() {}

    static int schemaId(byte[] framed) {
        return framed.length < HEADER_BYTES || framed[0] != 0 ? -1 : ByteBuffer.wrap(framed).getInt(1);
    }

    static Order readOrder(byte[] framed) {
        Reader in = new Reader(ByteBuffer.wrap(framed, HEADER_BYTES, framed.length - HEADER_BYTES));
        String orderId = in.text();
        in.number(); // version
        in.number(); // occurred_at
        for (int field = 0; field < 4; field++) in.skipText(); // channel, shop, channel_order_no, channel_state
        in.number(); // accepted_at
        List<Line> lines = new ArrayList<>(4);
        for (long block = in.block(); block != 0; block = in.block()) {
            for (; block > 0; block--) lines.add(readLine(in));
        }
        for (int field = 0; field < 3; field++) in.number(); // payable_fen, freight_fen, discount_fen
        in.skipText(); // currency
        for (long block = in.block(); block != 0; block = in.block()) {
            for (; block > 0; block--) { // promotions: name, amount_fen, borne_by
                in.skipText();
                in.number();
                in.skipText();
            }
        }
        return new Order(orderId, lines, in.text());
    }

    private static Line readLine(Reader in) {
        int lineNo = (int) in.number();
        in.skipText(); // channel_line_id
        in.skipText(); // channel_sku_id
        String sku = in.text();
        in.skipText(); // title
        int quantity = (int) in.number();
        for (int field = 0; field < 3; field++) in.number(); // unit_price_fen, discount_fen, paid_fen
        in.skip(1); // is_gift
        if (in.number() == 1) { // mapped
            in.number();
            in.skipText();
            in.number();
            in.number();
        }
        if (in.number() == 1) { // unmatched
            in.skipText();
            in.skipText();
        }
        return new Line(lineNo, sku, quantity);
    }

    static byte[] reserved(int schemaId, Order order, long nowMs, String warehouse, String rule) {
        Writer out = new Writer(schemaId, order.orderId(), nowMs);
        out.text(warehouse);
        out.number(order.lines().size());
        for (Line line : order.lines()) {
            out.number(line.lineNo());
            out.text(line.sku());
            out.number(line.quantity());
        }
        out.number(0); // end of lines
        out.number(0); // expires_at: none, the order is paid
        out.number(1); // generation
        out.text(rule);
        return out.bytes();
    }

    static byte[] shortOf(int schemaId, Order order, long nowMs, List<Short> missing) {
        Writer out = new Writer(schemaId, order.orderId(), nowMs);
        out.number(missing.size());
        for (Short one : missing) {
            out.number(one.line().lineNo());
            out.text(one.line().sku());
            out.number(one.line().quantity());
            out.number(one.available());
        }
        out.number(0);
        return out.bytes();
    }

    private record Reader(ByteBuffer in) {
        long number() {
            long result = 0;
            for (int shift = 0; ; shift += 7) {
                byte next = in.get();
                result |= (long) (next & 0x7F) << shift;
                if (next >= 0) return (result >>> 1) ^ -(result & 1);
            }
        }

        /** Items of an array's next block; 0 ends it. A negative count is followed by the block's size. */
        long block() {
            long count = number();
            if (count >= 0) return count;
            number();
            return -count;
        }

        String text() {
            int length = (int) number();
            String text = new String(in.array(), in.position(), length, StandardCharsets.UTF_8);
            skip(length);
            return text;
        }

        void skipText() {
            skip((int) number());
        }

        void skip(int bytes) {
            in.position(in.position() + bytes);
        }
    }

    private static final class Writer {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream(160);

        Writer(int schemaId, String orderId, long nowMs) {
            out.writeBytes(ByteBuffer.allocate(HEADER_BYTES).put((byte) 0).putInt(schemaId).array());
            text(orderId);
            number(1); // version
            number(nowMs);
        }

        void number(long value) {
            long rest = (value << 1) ^ (value >> 63);
            for (; (rest & ~0x7FL) != 0; rest >>>= 7) out.write((int) (rest & 0x7F | 0x80));
            out.write((int) rest);
        }

        void text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            number(utf8.length);
            out.writeBytes(utf8);
        }

        byte[] bytes() {
            return out.toByteArray();
        }
    }
}
