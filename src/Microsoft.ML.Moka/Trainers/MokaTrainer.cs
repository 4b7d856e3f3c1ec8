using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// Tunes a frozen, quantized LLaMA to tell the label of a row, by adapters of a few million parameters: by default MoKA, a gated mixture of Kronecker products
/// (arXiv 2508.03527).
/// </summary>
/// <remarks>
/// The label is text, Boolean, a whole number, an enum, or a key over such values. The trainer adds <c>PredictedLabel</c>, in the form of the label, and
/// <c>Score</c>, the labels' probabilities: the softmax of the log-likelihoods that the model gives each value's words after the prompt or, with a
/// <see cref="ScoringOptions.Head"/>, of the outputs of a linear layer over the prompt's last hidden states.
/// Make it with <c>mlContext.MulticlassClassification.Trainers.Moka(…)</c>.
/// </remarks>
public sealed partial class MokaTrainer : IEstimator<MokaTransformer>
{
    private readonly IHost _host;
    private readonly Options _options;
    private readonly InputColumns _inputs;
    private readonly Tuner _tuner;

    internal MokaTrainer(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaTrainer));
        _options = options.Copy();
        OptionsCheck.Run(_options);
        _inputs = PromptColumns.ColumnsOf(_options);
        _tuner = new Tuner(_host, _options, MlNetAccess.SeedOf(env));
    }

    /// <summary>The columns after training: those of the input, PredictedLabel and Score, and LabelKey where the label is no key.</summary>
    /// <param name="inputSchema">The columns of the training data.</param>
    /// <returns>The columns of the scored data.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type; the message names all that are.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        var problems = PromptColumns.Problems(_options, _inputs, name => InputColumns.Find(inputSchema, name)).ToList();
        var (form, problem) = LabelColumn.In(inputSchema, _options.LabelColumnName);
        if (problem is not null)
            problems.Insert(0, problem);
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, nameof(inputSchema), inputSchema.Select(column => column.Name));
        var added = OutputColumns.Shapes(_options.Outputs, form!).ToList();
        return new SchemaShape([.. inputSchema.Where(column => added.TrueForAll(a => a.Name != column.Name)), .. added]);
    }

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The training data.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">The data cannot be learned from: no rows with a label, or a label with fewer than two words.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public MokaTransformer Fit(IDataView input) => Fit(input, _options.ValidationSet);

    /// <summary>
    /// Tunes the backbone on the rows of <paramref name="input"/>; the model ends with the weights that predict <paramref name="validationSet"/> best.
    /// </summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on, with the same columns; labels may be in another form of the same words. Null for none.</param>
    /// <returns>The model.</returns>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public MokaTransformer Fit(IDataView input, IDataView? validationSet)
    {
        ArgumentNullException.ThrowIfNull(input);
        var (form, words) = LabelsIn(input);
        var template = PromptColumns.TemplateOf(_options);
        return _tuner.Fit(
            input, validationSet, HeadPlan.Of(_options, words.Count), start => Reader(start, words),
            (start, backbone, adapters) => new MokaTransformer(
                _host,
                new ModelParts<ScoreOutputs>(
                    start.Source, _options.SaveBackbone, start.Tokenizer, template, start.MaxTokens, _inputs,
                    new ScoreOutputs(words, form, _options.Outputs), start.Training),
                backbone, adapters));
    }

    /// <inheritdoc cref="Tuner.Describe"/>
    internal Dictionary<string, string> Describe(IDataView input, IDataView? validationSet)
    {
        var (_, words) = LabelsIn(input);
        return _tuner.Describe(input, validationSet, HeadPlan.Of(_options, words.Count), start => Reader(start, words));
    }

    private (LabelForm Form, IReadOnlyList<string> Words) LabelsIn(IDataView input)
    {
        // Whatever is wrong with the data is said before a backbone of gigabytes is loaded.
        _inputs.In(input.Schema);
        var form = LabelColumn.In(input.Schema, _options.LabelColumnName);
        if (_options.CandidatesColumnName is not null && !form.IsKey && form.Item != LabelItem.Text)
            throw InputColumns.SchemaError(
                [$"The label column '{_options.LabelColumnName}' is of {form.Item.Name}, and a row that has none of its candidates has no such label: with "
                    + "CandidatesColumnName the label has to be text or keys."],
                nameof(input));
        return (form, LabelColumn.Words(input, _options.LabelColumnName, form, _options.CancellationToken));
    }

    private IExampleReader Reader(TuningStart start, IReadOnlyList<string> words) => LabelReaders.Of(
        _options, _options.ClassWeights, _inputs, words, words,
        new RowEncoder(start.Tokenizer, PromptColumns.TemplateOf(_options), start.MaxTokens));
}
