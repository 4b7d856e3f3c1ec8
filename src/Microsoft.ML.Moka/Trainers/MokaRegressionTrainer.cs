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
/// Tunes a frozen, quantized LLaMA to tell a number of a row's text (a rating, a price, an urgency), by an adapter and a linear layer over a hidden state.
/// </summary>
/// <remarks>
/// The label is a column of Single; rows where it is NaN are skipped. The loss is the squared error of labels that are brought to mean 0 and standard
/// deviation 1 over the training rows, so that 1 is the loss of always telling the mean; the score is on the labels' own scale again. The trainer adds
/// <c>Score</c>, which <c>mlContext.Regression.Evaluate</c> reads. Make it with <c>mlContext.Regression.Trainers.Moka(…)</c>.
/// </remarks>
public sealed partial class MokaRegressionTrainer : IEstimator<MokaRegressionTransformer>
{
    private readonly IHost _host;
    private readonly Options _options;
    private readonly InputColumns _inputs;
    private readonly Tuner _tuner;

    internal MokaRegressionTrainer(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaRegressionTrainer));
        _options = options.Copy();
        OptionsCheck.Run(_options);
        _inputs = PromptColumns.ColumnsOf(_options);
        _tuner = new Tuner(_host, _options, MlNetAccess.SeedOf(env));
    }

    /// <summary>The columns after training: those of the input, and Score.</summary>
    /// <param name="inputSchema">The columns of the training data.</param>
    /// <returns>The columns of the scored data.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type; the message names all that are.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Check(name => InputColumns.Find(inputSchema, name), nameof(inputSchema));
        var score = ValueColumns.Shape(_options.ScoreColumnName);
        return new SchemaShape([.. inputSchema.Where(column => column.Name != score.Name), score]);
    }

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The training data.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">The data cannot be learned from: no rows with a label, or labels that are all the same.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public MokaRegressionTransformer Fit(IDataView input) => Fit(input, _options.ValidationSet);

    /// <summary>
    /// Tunes the backbone on the rows of <paramref name="input"/>; the model ends with the weights that predict <paramref name="validationSet"/> best.
    /// </summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on, with the same columns. Null for none.</param>
    /// <returns>The model.</returns>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public MokaRegressionTransformer Fit(IDataView input, IDataView? validationSet)
    {
        ArgumentNullException.ThrowIfNull(input);
        // Whatever is wrong with the data is said before a backbone of gigabytes is loaded.
        Check(name => InputColumns.Find(input.Schema, name), nameof(input));
        var template = PromptColumns.TemplateOf(_options);
        return _tuner.Fit(
            input, validationSet, HeadPlan.Of(_options, outputs: 1),
            start => new ValueExampleReader(_inputs, _options.LabelColumnName, new RowEncoder(start.Tokenizer, template, start.MaxTokens))
            {
                WeightColumn = _options.ExampleWeightColumnName,
            },
            (start, backbone, adapters) => new MokaRegressionTransformer(
                _host,
                new ModelParts<ValueOutputs>(
                    start.Source, _options.SaveBackbone, start.Tokenizer, template, start.MaxTokens, _inputs,
                    new ValueOutputs(_options.ScoreColumnName), start.Training),
                backbone, adapters));
    }

    private void Check(Func<string, (DataViewType Item, bool IsVector, bool IsKey)?> find, string parameter)
    {
        var problems = PromptColumns.Problems(_options, _inputs, find).ToList();
        if (ValueExampleReader.Problem(_options.LabelColumnName, find(_options.LabelColumnName)) is { } problem)
            problems.Insert(0, problem);
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, parameter);
    }
}
