using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Design;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>A model as it is evaluated: a backbone, tuned or not. It keeps what it needs alive until it is disposed.</summary>
internal sealed class EvaluatedModel : IDisposable
{
    private readonly IDisposable _held;

    private EvaluatedModel(string name, BackboneSource source, SharedBackbone backbone, AdapterSet? adapters, BackboneTokenizer tokenizer,
        PromptTemplate template, int maxTokens, TrainingRecord? training, IDisposable held)
    {
        _held = held;
        Name = name;
        Source = source;
        Shared = backbone;
        Backbone = backbone.Backbone;
        Adapters = adapters;
        Tokenizer = tokenizer;
        Template = template;
        MaxTokens = maxTokens;
        var fingerprints = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["backbone"] = backbone.Fingerprint,
            ["quantization"] = $"{backbone.Quantization}",
            ["tokenizer"] = tokenizer.Fingerprint,
            ["adapters"] = adapters is null ? "none" : FingerprintOf(Backbone, adapters),
        };
        if (Backbone.Backend.Precision is not MokaPrecision.Float32 and var precision)
            fingerprints["precision"] = $"{precision}";
        Fingerprints = fingerprints;
        Tuning = adapters is null
            ? null
            : new TuningSummary(OptionsText.Of(adapters.Options), adapters.ParameterCount, Backbone.Config.ParameterCount, training);
    }

    public string Name { get; }

    /// <summary>Where the backbone's files are.</summary>
    public BackboneSource Source { get; }

    public SharedBackbone Shared { get; }

    public LlamaBackbone Backbone { get; }

    public AdapterSet? Adapters { get; }

    public BackboneTokenizer Tokenizer { get; }

    /// <summary>The prompt that it was trained on, or LLM-Adapters' for a backbone.</summary>
    public PromptTemplate Template { get; }

    /// <summary>The most tokens that it was trained on, or what suits a backbone.</summary>
    public int MaxTokens { get; }

    /// <summary>What the model's answers depend on.</summary>
    public IReadOnlyDictionary<string, string> Fingerprints { get; }

    /// <summary>What it was tuned with; null for a backbone as it is.</summary>
    public TuningSummary? Tuning { get; }

    /// <summary>A fitted model, alone or as part of a chain.</summary>
    public static EvaluatedModel Of(string name, ITransformer model)
    {
        return Find(model) switch
        {
            MokaTransformer { Head: not MokaHead.Words } => throw new ArgumentException(
                $"'{name}' scores its own labels by a head, and benchmarks ask for other answers: evaluate it on rows with its labels, by "
                + "MulticlassClassification.Evaluate or 'moka evaluate FILE --model'.", nameof(model)),
            MokaTransformer { Parts: var parts } classifier =>
                Of(parts.Backbone, classifier.Weights, parts.Tokenizer, parts.Template, parts.MaxTokens, parts.Training),
            MokaTextGenerator { Parts: var parts } generator =>
                Of(parts.Backbone, generator.Weights, parts.Tokenizer, parts.Template, parts.MaxTokens, parts.Training),
            _ => throw new ArgumentException(
                $"'{name}' is no model that a {nameof(MokaTrainer)} or {nameof(MokaTextGenerationTrainer)} has fitted, nor a chain that holds one.",
                nameof(model)),
        };

        EvaluatedModel Of(
            BackboneSource source, TunedBackbone weights, BackboneTokenizer tokenizer, PromptTemplate template, int maxTokens, TrainingRecord? training)
        {
            IDisposable held = weights.Use();
            try
            {
                return new EvaluatedModel(name, source, weights.Shared, weights.Adapters, tokenizer, template, maxTokens, training, held);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
    }

    /// <summary>A backbone as it is; null for the one inside this package.</summary>
    public static EvaluatedModel OfBackbone(
        string name, string? folder, BackboneQuantization quantization, MokaPrecision? precision, Device device, IProgress<double> progress,
        CancellationToken cancellation)
    {
        var source = BackboneSource.Open(folder);
        var tokenizer = BackboneTokenizer.Load(source.Files);
        var backbone = SharedBackbone.Open(source.Files, quantization, device, precision, progress, cancellation);
        return new EvaluatedModel(name, source, backbone, null, tokenizer, PromptTemplate.Alpaca, 2048, null, backbone);
    }

    public void Dispose() => _held.Dispose();

    private static MokaModel? Find(ITransformer model) => model switch
    {
        MokaModel tuned => tuned,
        IEnumerable<ITransformer> chain => chain.Reverse().Select(Find).FirstOrDefault(found => found is not null),
        _ => null,
    };

    private static string FingerprintOf(LlamaBackbone backbone, AdapterSet adapters)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(AdapterConfigFile.Write(adapters.Options, [.. backbone.Config.LinearMaps], null));
        foreach (var tensor in AdapterTensors.From(backbone.Backend, adapters))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{tensor.Name} {tensor.Type} {tensor.ShapeText}\n"));
            hash.AppendData(tensor.Data.Span);
        }
        return $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }
}
