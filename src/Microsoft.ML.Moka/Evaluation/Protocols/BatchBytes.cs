using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Batches and what was computed of them as bytes, for workers.</summary>
internal static class BatchBytes
{
    public static byte[] Write(IReadOnlyList<SequenceSet> questions) => Bytes(writer => Each(writer, questions, question =>
    {
        writer.Write(question.Opening);
        Each(writer, question.Sequences, sequence =>
        {
            writer.Write(sequence.Start);
            Each(writer, sequence.Ids, writer.Write);
        });
    }));

    public static SequenceSet[] ReadQuestions(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        return Each(reader, () =>
        {
            var opening = reader.ReadInt32();
            return new SequenceSet(Each(reader, () =>
            {
                var start = reader.ReadInt32();
                return new ScoredSequence(Each(reader, reader.ReadInt32), start);
            }), opening);
        });
    }

    public static byte[] Write(ComputedBatch computed) => Bytes(writer =>
    {
        writer.Write(computed.Tokens);
        Each(writer, computed.Answers, answer =>
        {
            writer.Write(answer.Scores is not null);
            if (answer.Scores is { } scores)
                Each(writer, scores, writer.Write);
            else
                Each(writer, answer.Text!, writer.Write);
        });
    });

    public static ComputedBatch ReadComputed(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        var tokens = reader.ReadInt64();
        return new ComputedBatch(
            Each(reader, () => reader.ReadBoolean()
                ? new ComputedAnswer(Each(reader, reader.ReadDouble), null)
                : new ComputedAnswer(null, Each(reader, reader.ReadInt32))),
            tokens);
    }

    private static byte[] Bytes(Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        write(writer);
        writer.Flush();
        return stream.ToArray();
    }

    private static void Each<T>(BinaryWriter writer, IReadOnlyCollection<T> items, Action<T> write)
    {
        writer.Write(items.Count);
        foreach (var item in items)
            write(item);
    }

    private static T[] Each<T>(BinaryReader reader, Func<T> read)
    {
        var items = new T[reader.ReadInt32()];
        for (var i = 0; i < items.Length; i++)
            items[i] = read();
        return items;
    }
}
