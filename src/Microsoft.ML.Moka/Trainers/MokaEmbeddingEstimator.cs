using Microsoft.ML.Data;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// Turns texts into vectors by a frozen, quantized LLaMA, tuned or as it is: features for ML.NET's own trainers, and for search by similarity. Make it with
/// <c>mlContext.Transforms.Text.MokaEmbedding(…)</c>.
/// </summary>
/// <remarks>
/// Nothing is learned from the rows; fitting loads the backbone, which models of a process share. What the vector is,
/// <see cref="MokaEmbeddingTransformer"/> says.
/// </remarks>
public sealed partial class MokaEmbeddingEstimator : IEstimator<MokaEmbeddingTransformer>
{
    private readonly IHost _host;
    private readonly Options _options;
    private readonly InputColumns _inputs;

    internal MokaEmbeddingEstimator(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaEmbeddingEstimator));
        _options = options.Copy();
        OptionsCheck.Run(_options);
        _inputs = new InputColumns(_options.TextColumnName, null, null, null);
    }

    /// <summary>The columns with the one of vectors.</summary>
    /// <param name="inputSchema">The columns of the rows.</param>
    /// <returns>Those columns, and the vectors.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        var problems = _inputs.Problems(name => InputColumns.Find(inputSchema, name)).ToList();
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, nameof(inputSchema));
        return new SchemaShape(
            [.. inputSchema.Where(column => column.Name != _options.OutputColumnName), EmbeddingColumns.Shape(_options.OutputColumnName)]);
    }

    /// <summary>Loads the backbone, and the adapter where there is one; the rows are not read.</summary>
    /// <param name="input">Rows with the text column.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    /// <exception cref="FileNotFoundException">A file of the backbone or the adapter is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the adapter does not fit the backbone.</exception>
    /// <exception cref="OperationCanceledException">The context was told to cancel.</exception>
    public MokaEmbeddingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        _inputs.In(input.Schema);
        using var channel = _host.Start("Loading");
        using var cancellation = new Cancellation(_host, CancellationToken.None);
        var device = DeviceSelection.Choose(_host, channel);
        var source = BackboneSource.Open(_options.BackbonePath);
        LoadingReport.Begin(channel, source);
        var config = LlamaConfigFile.Read(source.Files);
        using var stored = _options.AdapterPath is { } folder ? StoredAdapter.Open(folder, config.LinearMaps, config.Shape) : null;
        var parts = new ModelParts<EmbeddingOutputs>(
            source, _options.SaveBackbone, BackboneTokenizer.Load(source.Files), _options.PromptTemplate ?? PromptTemplate.Plain,
            Math.Min(_options.MaximumTokens, config.LongestSequence), _inputs, new EmbeddingOutputs(_options.OutputColumnName), Training: null);
        var backbone = SharedBackbone.Open(
            source.Files, _options.Quantization, device, _options.Precision, new LoadingReport(channel), cancellation.Token);
        try
        {
            DeviceSelection.ReportPrecision(channel, _options.Precision, backbone.Backbone.Backend);
            var adapters = stored?.Load(backbone.Backbone.Backend) ?? backbone.Backbone.CreateAdapters(Nothing(config), seed: 0);
            return new MokaEmbeddingTransformer(_host, parts, backbone, adapters);
        }
        catch
        {
            backbone.Dispose();
            throw;
        }
    }

    // A model has an adapter: the smallest there is, whose update is zero.
    private static LoraAdapter Nothing(LlamaConfig config) => new() { Rank = 1, Alpha = 1, TargetModules = [config.Query(0).Name], Layers = [0] };
}
