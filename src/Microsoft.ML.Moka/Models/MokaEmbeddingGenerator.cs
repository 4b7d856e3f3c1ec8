using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Models;

/// <summary>A model as an embedding generator.</summary>
internal sealed class MokaEmbeddingGenerator(MokaModel model, RowEncoder encoder, string modelName) : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly EmbeddingGeneratorMetadata _metadata = new("moka", providerUri: null, modelName, model.Weights.Backbone.Config.HiddenSize);

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        Refuse(options);
        var texts = GivenTexts.Of(values, nameof(values));
        return Task.Run(() => Generate(texts, cancellationToken), cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        return new object[] { _metadata, model, this }.FirstOrDefault(serviceType.IsInstanceOfType);
    }

    /// <summary>Leaves the model, which is its owner's.</summary>
    public void Dispose()
    {
    }

    private GeneratedEmbeddings<Embedding<float>> Generate(string[] texts, CancellationToken cancellation)
    {
        using var usage = model.Weights.Use();
        var read = texts.Select(text => encoder.ForReading(new PromptRow(text, []))).ToList();
        if (read.Count(text => text.IsCut) is > 0 and var cut)
            model.WarnOnce(RowWarning.CutPrompts(cut));
        int[][] sequences = [.. read.Select(text => text.Prompt)];
        var vectors = new TextStates(model.Weights.Backbone, model.Weights.Adapters).Mean(sequences, cancellation);
        var created = DateTimeOffset.UtcNow;
        var tokens = sequences.Sum(sequence => (long)sequence.Length);
        return new(vectors.Select(vector => new Embedding<float>(vector) { CreatedAt = created, ModelId = _metadata.DefaultModelId }))
        {
            Usage = new() { InputTokenCount = tokens, TotalTokenCount = tokens },
        };
    }

    // What cannot be done is refused by name, never left out in silence.
    private void Refuse(EmbeddingGenerationOptions? options)
    {
        if (options?.Dimensions is { } dimensions && dimensions != _metadata.DefaultModelDimensions)
            throw new NotSupportedException(
                $"Dimensions is {dimensions}, and this model's vectors have {_metadata.DefaultModelDimensions} elements: leave it unset.");
        if (options?.ModelId is { } asked && asked != _metadata.DefaultModelId)
            throw new NotSupportedException(
                $"ModelId is '{asked}', and this generator has the model '{_metadata.DefaultModelId}' alone: leave it unset, or ask the other's generator.");
        if (options?.RawRepresentationFactory?.Invoke(this) is { } raw)
            throw new NotSupportedException(
                $"RawRepresentationFactory makes a {raw.GetType().Name}, and an embedding has no settings: leave it unset, or have it make null.");
        if (options?.AdditionalProperties is { Count: > 0 } others)
            throw new NotSupportedException($"AdditionalProperties has '{string.Join("', '", others.Keys)}', and an embedding has no settings: leave it out.");
    }
}
