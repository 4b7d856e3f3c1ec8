using Microsoft.ML.Data;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Columns;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.ModelFiles;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// Tunes a frozen, quantized LLaMA to answer with the words of a label, by adapters of a few million parameters: by default MoKA, a gated mixture of Kronecker
/// products (arXiv 2508.03527).
/// </summary>
/// <remarks>
/// The label is a key column over the answer words, as MapValueToKey makes it. The trainer adds <c>PredictedLabel</c>, a key over the same words, and
/// <c>Score</c>, their probabilities: the softmax of the log-likelihoods that the model gives each word after the prompt.
/// Make it with <c>mlContext.MulticlassClassification.Trainers.Moka(…)</c>.
/// </remarks>
public sealed partial class MokaTrainer : IEstimator<MokaTransformer>
{
    private const int UsualUpdates = 300;
    private const int FewestEpochs = 3;
    private const int MostEpochs = 100;
    private const float RateTimesWidth = 3;

    private readonly IHost _host;
    private readonly Options _options;
    private readonly InputColumns _inputs;
    private readonly ulong _seed;

    internal MokaTrainer(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaTrainer));
        _options = options.Copy();
        OptionsCheck.Run(_options);
        _inputs = PromptColumns.ColumnsOf(_options);
        _seed = unchecked((ulong)(_options.Seed ?? MlNetAccess.SeedOf(env) ?? _host.Rand.Next()));
    }

    /// <summary>The columns after training: those of the input, PredictedLabel and Score.</summary>
    /// <param name="inputSchema">The columns of the training data.</param>
    /// <returns>The columns of the scored data.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type; the message names all that are.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        var problems = _inputs.Problems(Find).ToList();
        if (LabelColumn.Problem(inputSchema, _options.LabelColumnName) is { } problem)
            problems.Insert(0, problem);
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, nameof(inputSchema));
        var added = OutputColumns.Shapes(_options.ScoreColumnName, _options.PredictedLabelColumnName).ToList();
        return new SchemaShape([.. inputSchema.Where(column => added.TrueForAll(a => a.Name != column.Name)), .. added]);

        (DataViewType, bool, bool)? Find(string name)
        {
            foreach (var column in inputSchema)
                if (column.Name == name)
                    return (column.ItemType, column.Kind != SchemaShape.Column.VectorKind.Scalar, column.IsKey);
            return null;
        }
    }

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The training data.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">The data cannot be learned from: no rows with a label, or a label with fewer than two words.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public MokaTransformer Fit(IDataView input) => Fit(input, _options.ValidationSet);

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>; the model ends with the weights that predict <paramref name="validationSet"/> best.</summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on, with the same columns; labels are keys or text. Null for none.</param>
    /// <returns>The model.</returns>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public MokaTransformer Fit(IDataView input, IDataView? validationSet)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var channel = _host.Start("Training");
        using var cancellation = new Cancellation(_host, _options.CancellationToken);
        // Whatever is wrong with the data is said before a backbone of gigabytes is loaded.
        _inputs.In(input.Schema);
        var words = LabelColumn.Words(input.Schema, _options.LabelColumnName);
        var source = BackboneSource.Open(_options.BackbonePath);
        var config = LlamaConfigFile.Read(source.Files);
        _options.Adapter.Plan(config.LinearMaps);
        var tokenizer = BackboneTokenizer.Load(source.Files);
        var template = PromptColumns.TemplateOf(_options);
        var maxTokens = Math.Min(_options.MaximumTokens, config.MaxPositions);

        var isUntuned = (_options.NumberOfSteps ?? _options.NumberOfEpochs) == 0;
        var examples = isUntuned ? null : ReadExamples(channel, input, validationSet, words, new RowEncoder(tokenizer, template, maxTokens), cancellation.Token);

        channel.Info(MessageSensitivity.None, $"Loading {source.Name} ({config.ParameterCount:N0} parameters, {_options.Quantization}).");
        var backbone = SharedBackbone.Open(source.Files, _options.Quantization, new LoadingReport(channel), cancellation.Token);
        AdapterSet adapters;
        try
        {
            adapters = AdapterSet.Create(backbone.Backbone.Backend, _options.Adapter, config.LinearMaps, _seed);
        }
        catch
        {
            backbone.Dispose();
            throw;
        }
        var model = new ModelParts(source, _options.SaveBackbone, tokenizer, template, maxTokens, words, _inputs, _options.ScoreColumnName, _options.PredictedLabelColumnName);
        var transformer = new MokaTransformer(_host, model, backbone, adapters);
        try
        {
            if (examples is not null)
                Train(channel, backbone.Backbone, adapters, examples, cancellation);
            return transformer;
        }
        catch (TrainingDivergedException e)
        {
            e.Model = transformer;
            throw;
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }

    private TrainingData ReadExamples(
        IChannel channel, IDataView input, IDataView? validationSet, IReadOnlyList<string> words, RowEncoder encoder, CancellationToken cancellation)
    {
        if (_options.EarlyStoppingPatience is not null && validationSet is null && _options.ValidationFraction is 0)
            throw new InvalidOperationException(
                "EarlyStoppingPatience is set, but there is no validation set to watch: set ValidationSet or ValidationFraction, or pass one to Fit.");
        var reader = new ExampleReader(_inputs, _options.LabelColumnName, words, encoder, _options.TrainOnPrompt);
        var examples = reader.Read(channel, input, "training", cancellation);
        if (validationSet is not null)
            return new TrainingData(examples, reader.Read(channel, validationSet, "validation", cancellation));
        return TrainingData.Split(examples, _options.ValidationFraction, _seed);
    }

    private void Train(IChannel channel, LlamaBackbone backbone, AdapterSet adapters, TrainingData data, Cancellation cancellation)
    {
        using var report = new ProgressReport(_host, channel, _options.Progress);
        report.Begin(backbone, adapters, data);
        if (_options.CheckpointFolder is { } folder)
            Directory.CreateDirectory(folder);
        var trainer = new Trainer(backbone, adapters, TrainingOptions(backbone, data))
        {
            Progress = progress =>
            {
                report.Step(progress);
                cancellation.Check();
            },
            CheckpointPath = _options.CheckpointFolder is null ? null : Path.Combine(_options.CheckpointFolder, "training.safetensors"),
        };
        report.End(trainer.Train(data.Examples, data.Validation, cancellation.Token));
    }

    private TrainingOptions TrainingOptions(LlamaBackbone backbone, TrainingData data) => new()
    {
        Epochs = _options.NumberOfEpochs ?? UsualEpochs(data),
        Steps = _options.NumberOfSteps,
        BatchTokens = _options.BatchTokens,
        AccumulatedBatches = _options.GradientAccumulation,
        LearningRate = _options.LearningRate ?? RateTimesWidth / backbone.Config.HiddenSize,
        Schedule = _options.LearningRateSchedule,
        WarmupShare = _options.WarmupFraction,
        WeightDecay = _options.WeightDecay,
        MaxGradientNorm = _options.MaximumGradientNorm,
        Recompute = _options.GradientCheckpointing,
        ValidationInterval = _options.ValidationInterval,
        Patience = _options.EarlyStoppingPatience,
        Seed = _seed,
    };

    private int UsualEpochs(TrainingData data)
    {
        // A row that is longer than a batch goes alone.
        var tokens = data.Examples.Sum(example => (long)example.InputCount);
        var batches = Math.Min(data.Examples.Count, Math.Ceiling((double)tokens / _options.BatchTokens));
        return Math.Clamp((int)Math.Ceiling(UsualUpdates * _options.GradientAccumulation / batches), FewestEpochs, MostEpochs);
    }
}
