using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>Tunes a frozen, quantized LLaMA to tell whether something is true of a row's text.</summary>
/// <remarks>
/// The label is a column of Boolean. The trainer adds what every calibrated binary trainer of ML.NET adds, and what <c>mlContext.BinaryClassification</c>
/// evaluates: <c>PredictedLabel</c>, Boolean; <c>Score</c>, the logarithm of the odds that it is true (of the two answer words or, with a
/// <see cref="ScoringOptions.Head"/>, of the head's two outputs), above 0 where the label is true; and <c>Probability</c>, the sigmoid of the score.
/// Make it with <c>mlContext.BinaryClassification.Trainers.Moka(…)</c>.
/// </remarks>
public sealed partial class MokaBinaryTrainer : IEstimator<MokaBinaryTransformer>
{
    // In the order of the words and of the head's outputs.
    private static readonly string[] Labels = [Truth.False, Truth.True];

    private readonly IHost _host;
    private readonly Options _options;
    private readonly InputColumns _inputs;
    private readonly Tuner _tuner;

    internal MokaBinaryTrainer(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaBinaryTrainer));
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
        var added = BinaryColumns.Shapes(_options.Outputs).ToList();
        return new SchemaShape([.. inputSchema.Where(column => added.TrueForAll(a => a.Name != column.Name)), .. added]);
    }

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The training data.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">The data cannot be learned from: there are no rows.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public MokaBinaryTransformer Fit(IDataView input) => Fit(input, _options.ValidationSet);

    /// <summary>
    /// Tunes the backbone on the rows of <paramref name="input"/>; the model ends with the weights that predict <paramref name="validationSet"/> best.
    /// </summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on, with the same columns. Null for none.</param>
    /// <returns>The model.</returns>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public MokaBinaryTransformer Fit(IDataView input, IDataView? validationSet)
    {
        ArgumentNullException.ThrowIfNull(input);
        // Whatever is wrong with the data is said before a backbone of gigabytes is loaded.
        Check(name => InputColumns.Find(input.Schema, name), input.Schema.Select(column => column.Name), nameof(input));
        var template = PromptColumns.TemplateOf(_options);
        var words = _options.Words;
        return _tuner.Fit(
            input, validationSet, HeadPlan.Of(_options, outputs: words.Count),
            start => LabelReaders.Of(
                _options, _options.ClassWeights, _inputs, Labels, words, new RowEncoder(start.Tokenizer, template, start.MaxTokens)),
            (start, backbone, adapters) => new MokaBinaryTransformer(
                _host,
                new ModelParts<BinaryOutputs>(
                    start.Source, _options.SaveBackbone, start.Tokenizer, template, start.MaxTokens, _inputs, new BinaryOutputs(words, _options.Outputs),
                    start.Training),
                backbone, adapters));
    }

    private void Check(Func<string, (DataViewType Item, bool IsVector, bool IsKey)?> find, IEnumerable<string> names, string parameter)
    {
        var problems = PromptColumns.Problems(_options, _inputs, find).ToList();
        if (Problem(_options.LabelColumnName, find(_options.LabelColumnName)) is { } problem)
            problems.Insert(0, problem);
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, parameter, names);
    }

    private static string? Problem(string name, (DataViewType Item, bool IsVector, bool IsKey)? found) => found switch
    {
        null => $"Could not find the label column '{name}': a column of Boolean is needed, or another name in Options.LabelColumnName.",
        { Item: BooleanDataViewType, IsVector: false } => null,
        { } type => $"Schema mismatch for the label column '{name}': expected Boolean, got {(type.IsVector ? "a vector of " : "")}"
            + $"{(type.IsKey ? "keys" : type.Item)}. Two labels of another type are told by mlContext.MulticlassClassification.Trainers.Moka; "
            + "numbers become Boolean with "
            + "ConvertType(…, outputKind: DataKind.Boolean), and texts with MapValue.",
    };
}
