using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>Writes an adapter as llama.cpp's LoRA: two tensors a map, and one alpha for all.</summary>
internal static class GgufAdapter
{
    private const string Advice = "As GGUF, write the model with the adapter merged into it (SaveGguf).";

    /// <param name="path">The file.</param>
    /// <param name="source">The backbone's files.</param>
    /// <param name="weights">The adapter.</param>
    /// <param name="model">What the Modelfile names as the model that the adapter belongs to; null for the backbone's own path.</param>
    /// <exception cref="InvalidOperationException">LoRA cannot express the update, or llama.cpp has no such model.</exception>
    public static void Write(string path, BackboneSource source, TunedBackbone weights, string? model)
    {
        GgufExport.CheckPath(path, source.Files);
        using var usage = weights.Use();
        GgufExport.RefuseHead(weights.Adapters.Options);
        var config = weights.Backbone.Config;
        _ = ConfigMetadata.ArchitectureOf(config);
        var (options, stored) = Convert(weights);
        Write(path, source, config, options, stored, model);
    }

    /// <summary>Writes a LoRA's options and tensors.</summary>
    public static void Write(
        string path, BackboneSource source, LlamaConfig config, AdapterOptions options, IReadOnlyList<SafetensorsTensor> stored, string? model)
    {
        var architecture = ConfigMetadata.ArchitectureOf(config);
        var byName = stored.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var plans = options.Plan([.. config.LinearMaps]);
        // llama.cpp scales by alpha / rank, with one alpha for maps of whatever rank: what differs goes into the second factor. An alpha of 0 means none to it.
        var alpha = plans.Select(ScaleTimesRank).FirstOrDefault(scale => scale != 0, 1);
        using var metadata = new GgufMetadataWriter();
        metadata.Text(GgufArchitecture.Key, architecture.Name);
        metadata.Text("general.type", "adapter");
        metadata.Text("adapter.type", "lora");
        metadata.Number("adapter.lora.alpha", alpha);
        metadata.Text("general.name", Path.GetFileNameWithoutExtension(path));
        GgufOutputTensor[] tensors = [.. plans.SelectMany(Factors)];
        if ((model ?? (source.Kind == BackboneKind.Folder ? source.Files.Location : null)) is { } from)
            AtomicFile.Write(path, WriteModel, Modelfile.PathOf(path), Modelfile.Write(path, BackboneTokenizer.Load(source.Files), from));
        else
            AtomicFile.Write(path, WriteModel);

        void WriteModel(Stream stream) => GgufWriter.Write(stream, metadata, tensors);

        IEnumerable<GgufOutputTensor> Factors(AdapterPlan plan)
        {
            var name = GgufNames.Gguf(TensorNames.Of(plan.Map));
            var (down, up) = (Stored(plan, "lora_A.weight"), Stored(plan, "lora_B.weight"));
            var scale = ScaleTimesRank(plan) / alpha;
            yield return Factor($"{name}.lora_a", down, (values, row, into) => values.AsSpan(row * into.Length, into.Length).CopyTo(into));
            yield return Factor($"{name}.lora_b", up, (values, row, into) =>
            {
                values.AsSpan(GgufTensors.StoredFrom(name, row, config, architecture) * into.Length, into.Length).CopyTo(into);
                if (scale != 1)
                    System.Numerics.Tensors.TensorPrimitives.Multiply(into, scale, into);
            });
        }

        SafetensorsTensor Stored(AdapterPlan plan, string part) => byName[AdapterTensors.NameOf(plan.Map, part)];
    }

    private static (AdapterOptions, IReadOnlyList<SafetensorsTensor>) Convert(TunedBackbone weights)
    {
        // PEFT calls DoRA a LoRA too; llama.cpp does not know its magnitudes.
        if (weights.Adapters.Adapters.Select(adapter => adapter.Plan).FirstOrDefault(plan => plan.Magnitude is not null) is { } plan)
            throw new InvalidOperationException($"The update cannot be written as LoRA: on {plan.Map.Name} it has a magnitude. {Advice}");
        if (weights.Adapters.Tables.Count > 0 || weights.Adapters.Biases.Count > 0 || weights.Adapters.Adapters.Any(adapter => adapter.Bias is not null))
            throw new InvalidOperationException($"The adapter changes embedding, head or biases as well, which llama.cpp's LoRA does not. {Advice}");
        try
        {
            return AdapterConversion.Convert(AdapterFileFormat.Lora, weights.Backbone.Backend, weights.Adapters);
        }
        catch (InvalidOperationException refusal)
        {
            throw new InvalidOperationException($"{refusal.Message} {Advice}", refusal);
        }
    }

    private delegate void Fill(float[] values, int row, Span<float> into);

    private static GgufOutputTensor Factor(string name, SafetensorsTensor stored, Fill fill) => new(name, GgufTensorType.F32, stored.Shape, () =>
    {
        var values = stored.ToFloats();
        return (row, into) => fill(values, row, into);
    });

    private static float ScaleTimesRank(AdapterPlan plan) => ((ConstantCoefficient)plan.Coefficients).Value * plan.FilterCount;
}
