namespace Microsoft.ML.Moka.Training;

/// <summary>Examples as bytes, for workers.</summary>
internal static class ExampleBytes
{
    public static byte[] Write(IReadOnlyList<TrainingExample> examples)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(examples.Count);
        foreach (var example in examples)
        {
            writer.Write(example.Ids.Length);
            foreach (var id in example.Ids)
                writer.Write(id);
            writer.Write(example.Weight);
            writer.Write(example.Label is not null);
            if (example.Label is { } label)
            {
                writer.Write(label.Output);
                writer.Write(label.Value);
                // Of labels that apply each by itself there may be none, which is another thing than one label.
                writer.Write(label.Applying?.Count ?? -1);
                foreach (var output in label.Applying ?? [])
                    writer.Write(output);
                writer.Write(label.Weights is not null);
                foreach (var weight in label.Weights ?? [])
                    writer.Write(weight);
                continue;
            }
            writer.Write(example.Targets.Count);
            foreach (var (start, end) in example.Targets)
            {
                writer.Write(start);
                writer.Write(end);
            }
        }
        writer.Flush();
        return stream.ToArray();
    }

    public static TrainingExample[] Read(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        var examples = new TrainingExample[reader.ReadInt32()];
        for (var i = 0; i < examples.Length; i++)
        {
            int[] ids = [.. Times(reader.ReadInt32(), reader.ReadInt32)];
            var weight = reader.ReadSingle();
            var example = reader.ReadBoolean()
                ? new TrainingExample(ids, ReadLabel(reader))
                : new TrainingExample(ids, [.. Times(reader.ReadInt32(), () => new TokenRange(reader.ReadInt32(), reader.ReadInt32()))]);
            examples[i] = example.With(weight);
        }
        return examples;
    }

    private static HeadTarget ReadLabel(BinaryReader reader)
    {
        var label = new HeadTarget(reader.ReadInt32(), reader.ReadSingle());
        var count = reader.ReadInt32();
        int[] applying = [.. Times(count, reader.ReadInt32)];
        float[]? weights = reader.ReadBoolean() ? [.. Times(count, reader.ReadSingle)] : null;
        return count < 0 ? label : HeadTarget.Of(applying, weights);
    }

    private static IEnumerable<T> Times<T>(int count, Func<T> read)
    {
        for (var i = 0; i < count; i++)
            yield return read();
    }
}
