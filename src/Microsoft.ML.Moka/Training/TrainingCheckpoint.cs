using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// The file that an interrupted run is resumed from: weights, moments and best weights as a safetensors file, the state in its metadata.
/// It is replaced as a whole, so that a kill at any moment leaves the earlier one.
/// </summary>
internal sealed class TrainingCheckpoint(string path, string fingerprint)
{
    private const string StateKey = "moka_training";
    private const string FingerprintKey = "moka_fingerprint";
    private const string HashKey = "moka_sha256";

    public void Save(TrainingRun run)
    {
        var tensors = new List<SafetensorsTensor>();
        foreach (var (parameter, first, second) in run.Optimizer.Moments)
        {
            Add("value", parameter, WeightSnapshot.Download(run.Model.Backend, parameter.Value));
            Add("first", parameter, WeightSnapshot.Download(run.Model.Backend, first));
            Add("second", parameter, WeightSnapshot.Download(run.Model.Backend, second));
        }
        if (run.Best is not null)
        {
            foreach (var (parameter, values) in run.Model.Parameters.Zip(run.Best.Values))
                Add("best", parameter, values);
        }
        var metadata = new Dictionary<string, string>
        {
            [StateKey] = JsonSerializer.Serialize(run.State, TrainingJson.Default.TrainingState),
            [FingerprintKey] = fingerprint,
        };
        metadata[HashKey] = HashOf(metadata, tensors);
        SafetensorsWriter.Write(path, tensors, metadata);

        void Add(string kind, Parameter parameter, float[] values) =>
            tensors.Add(SafetensorsTensor.Of($"{kind}.{parameter.Name}", values, parameter.Value.Rows, parameter.Value.Columns));
    }

    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    /// <exception cref="InvalidOperationException">The file was written by another run.</exception>
    public void LoadIfPresent(TrainingRun run)
    {
        if (!File.Exists(path))
            return;
        using var file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue(StateKey, out var json) || !file.Metadata.TryGetValue(FingerprintKey, out var written))
            throw new InvalidDataException($"{path} is not the checkpoint of a training run: its metadata lack '{StateKey}' or '{FingerprintKey}'.");
        RequireUnchanged(file);
        if (written != fingerprint)
            throw new InvalidOperationException(
                $"{path} is the checkpoint of a run with other options, examples, parameters or initial values. Delete it to start anew, " +
                "or name another file.");
        var state = ReadState(json);
        if (!state.IsPossible || !run.CanBeIn(state))
            throw new InvalidDataException(
                $"{path}: step {state.Step}, epoch {state.Place.Epoch}, batch {state.Place.Batch} in the metadata '{StateKey}' is no place in the run.");
        foreach (var (parameter, first, second) in run.Optimizer.Moments)
        {
            parameter.Overwrite(run.Model.Backend, Read("value", parameter));
            WeightSnapshot.Overwrite(run.Model.Backend, first, Read("first", parameter));
            WeightSnapshot.Overwrite(run.Model.Backend, second, Read("second", parameter));
        }
        run.Resume(state, state.BestLoss is null ? null : WeightSnapshot.Of([.. run.Model.Parameters.Select(p => Read("best", p))]));

        float[] Read(string kind, Parameter parameter)
        {
            var tensor = file[$"{kind}.{parameter.Name}"];
            if (tensor.Length != parameter.Length)
                throw tensor.Invalid($"has {tensor.Length} values, where the parameter has {parameter.Length}");
            var values = tensor.ToFloats();
            return Array.TrueForAll(values, float.IsFinite) ? values : throw tensor.Invalid("holds a NaN or an infinity");
        }
    }

    /// <summary>A bit that has changed would go on as another model.</summary>
    private void RequireUnchanged(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue(HashKey, out var hash))
            throw new InvalidDataException(
                $"{path} has no checksum: an earlier version of this package wrote it. Finish the run with that version, or delete the file to start anew.");
        if (hash != HashOf(file.Metadata, file.Names.Select(name => file[name])))
            throw new InvalidDataException($"{path} was changed since it was saved: its SHA-256 is not the one in its metadata. Delete it to start anew.");
    }

    /// <summary>A hash of all that the file says, however it is laid out.</summary>
    private static string HashOf(IReadOnlyDictionary<string, string> metadata, IEnumerable<SafetensorsTensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in metadata.Where(entry => entry.Key != HashKey).OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            Append(key);
            Append(value);
        }
        foreach (var tensor in tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            Append(tensor.Name);
            Append(tensor.Type);
            Append(tensor.ShapeText);
            hash.AppendData(tensor.Data.Span);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
    }

    /// <summary>Tells runs apart: two that agree in it, from options to the values that training starts from, go through the same steps.</summary>
    public static string Fingerprint(
        TrainingPlan plan,
        TrainedModel model,
        IReadOnlyList<TrainingExample> examples,
        IReadOnlyList<TrainingExample>? validation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(plan, TrainingJson.Default.TrainingPlan));
        var shapes = model.Parameters.Select(p => FormattableString.Invariant($"{p.Name} {p.Value.Rows} {p.Value.Columns}"));
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(shapes, TrainingJson.Default.IEnumerableString));
        foreach (var parameter in model.Parameters)
            hash.AppendData(MemoryMarshal.AsBytes<float>(WeightSnapshot.Download(model.Backend, parameter.Value)));
        foreach (var parameter in model.Parameters.Where(p => p.RateFactor != 1))
            hash.AppendData(JsonSerializer.SerializeToUtf8Bytes([FormattableString.Invariant($"{parameter.Name} {parameter.RateFactor:R}")],
                TrainingJson.Default.IEnumerableString));
        AppendExamples(hash, examples);
        AppendExamples(hash, validation ?? []);
        if (model.Backend.Precision is not MokaPrecision.Float32 and var precision)
            hash.AppendData(Encoding.UTF8.GetBytes($"{precision}"));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Tells data apart, so that runs on several sets of rows, as in cross-validation, can have their states beside each other.</summary>
    public static string HashOf(IReadOnlyList<TrainingExample> examples, IReadOnlyList<TrainingExample>? validation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendExamples(hash, examples);
        AppendExamples(hash, validation ?? []);
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    private static void AppendExamples(IncrementalHash hash, IReadOnlyList<TrainingExample> examples)
    {
        hash.AppendData(BitConverter.GetBytes(examples.Count));
        foreach (var example in examples)
        {
            var targets = example.Targets;
            // A first target is above 0, so that neither the number of ranges nor a label can be taken for one.
            int[] layout = example.Label is { Applying: { } outputs }
                ? [example.Ids.Length, 0, -1 - outputs.Count, .. outputs]
                : example.Label is { } label
                ? [example.Ids.Length, 0, label.Output, BitConverter.SingleToInt32Bits(label.Value)]
                : example.LearnsToTheEnd
                ? [example.Ids.Length, example.FirstTarget]
                : [example.Ids.Length, -targets.Count, .. targets.SelectMany(range => (int[])[range.Start, range.End])];
            // Nor can a weight, which stands before the others as a number below the negative of any count.
            if (example.Weight != 1)
                hash.AppendData(MemoryMarshal.AsBytes<int>([int.MinValue, BitConverter.SingleToInt32Bits(example.Weight)]));
            if (example.Label is { Weights: { } own })
                hash.AppendData(MemoryMarshal.AsBytes<int>([int.MinValue + 1, own.Count, .. own.Select(BitConverter.SingleToInt32Bits)]));
            hash.AppendData(MemoryMarshal.AsBytes<int>(layout));
            hash.AppendData(MemoryMarshal.AsBytes<int>(example.Ids));
        }
    }

    private TrainingState ReadState(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TrainingJson.Default.TrainingState) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: the metadata '{StateKey}' is not the state of a training run: {e.Message}", e);
        }
    }
}
