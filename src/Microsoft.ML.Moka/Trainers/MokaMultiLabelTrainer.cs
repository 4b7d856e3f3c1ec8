using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// Tunes a frozen, quantized LLaMA to tell which of several labels apply to a row's text: none, one or many, by an adapter and a linear layer over a hidden
/// state with a sigmoid for each label.
/// </summary>
/// <remarks>
/// The loss is the binary cross-entropy of each label, its mean over the labels, as transformers' <c>multi_label_classification</c> has it. The trainer adds
/// <c>PredictedLabel</c>, the labels whose probability is above <see cref="Options.Threshold"/> as a vector of text; <c>Score</c>, the logarithms of the odds;
/// and <c>Probability</c>, their sigmoid. Make it with <c>mlContext.MultiLabelClassification.Trainers.Moka(…)</c>, and measure it with
/// <c>mlContext.MultiLabelClassification.Evaluate(…)</c>.
/// </remarks>
public sealed partial class MokaMultiLabelTrainer : IEstimator<MokaMultiLabelTransformer>
{
    private readonly IHost _host;
    private readonly Options _options;
    private readonly InputColumns _inputs;
    private readonly Tuner _tuner;

    internal MokaMultiLabelTrainer(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaMultiLabelTrainer));
        _options = options.Copy();
        OptionsCheck.Run(_options);
        _inputs = PromptColumns.ColumnsOf(_options);
        _tuner = new Tuner(_host, _options, MlNetAccess.SeedOf(env));
    }

    /// <summary>The columns after training: those of the input, PredictedLabel, Score and Probability.</summary>
    /// <param name="inputSchema">The columns of the training data.</param>
    /// <returns>The columns of the scored data.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type; the message names all that are.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Check(name => InputColumns.Find(inputSchema, name), inputSchema.Select(column => column.Name), nameof(inputSchema));
        var added = MultiLabelColumns.Shapes(_options.Outputs).ToList();
        return new SchemaShape([.. inputSchema.Where(column => added.TrueForAll(a => a.Name != column.Name)), .. added]);
    }

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The training data.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">The data cannot be learned from: no row has a label.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public MokaMultiLabelTransformer Fit(IDataView input) => Fit(input, _options.ValidationSet);

    /// <summary>
    /// Tunes the backbone on the rows of <paramref name="input"/>; the model ends with the weights that predict <paramref name="validationSet"/> best.
    /// </summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on, with the same columns; labels may be in another form of the same names. Null for none.</param>
    /// <returns>The model.</returns>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public MokaMultiLabelTransformer Fit(IDataView input, IDataView? validationSet)
    {
        ArgumentNullException.ThrowIfNull(input);
        // Whatever is wrong with the data is said before a backbone of gigabytes is loaded.
        Check(name => InputColumns.Find(input.Schema, name), input.Schema.Select(column => column.Name), nameof(input));
        var labels = LabelVector.Words(input, _options.LabelColumnName, _options.CancellationToken);
        var template = PromptColumns.TemplateOf(_options);
        return _tuner.Fit(
            input, validationSet, HeadPlan.Of(_options, labels.Count)! with { IsMultiLabel = true },
            start => new MultiLabelReader(_inputs, _options.LabelColumnName, labels, new RowEncoder(start.Tokenizer, template, start.MaxTokens))
            {
                WeightColumn = _options.ExampleWeightColumnName,
                ClassWeights = _options.ClassWeights,
            },
            (start, backbone, adapters) => new MokaMultiLabelTransformer(
                _host,
                new ModelParts<MultiLabelOutputs>(
                    start.Source, _options.SaveBackbone, start.Tokenizer, template, start.MaxTokens, _inputs,
                    new MultiLabelOutputs(labels, _options.Threshold, _options.Outputs), start.Training),
                backbone, adapters));
    }

    private void Check(Func<string, (DataViewType Item, bool IsVector, bool IsKey)?> find, IEnumerable<string> names, string parameter)
    {
        var problems = PromptColumns.Problems(_options, _inputs, find).ToList();
        if (LabelVector.Problem(_options.LabelColumnName, find(_options.LabelColumnName)) is { } problem)
            problems.Insert(0, problem);
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, parameter, names);
    }
}
