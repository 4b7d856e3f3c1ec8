using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>What tells any number of labels of a row: <c>mlContext.MultiLabelClassification</c>.</summary>
public sealed class MultiLabelCatalog
{
    private readonly IHostEnvironment _env;

    internal MultiLabelCatalog(IHostEnvironment env) => (_env, Trainers) = (env, new MultiLabelTrainers(env));

    /// <summary>Trainers of models that tell any number of labels of a row.</summary>
    public MultiLabelTrainers Trainers { get; }

    /// <summary>Compares the labels that a model predicts with those that rows have.</summary>
    /// <param name="data">Rows that went through a multi-label model.</param>
    /// <param name="labelColumnName">The rows' own labels, in any form that the trainer takes.</param>
    /// <param name="predictedLabelColumnName">The predicted labels, a vector of text.</param>
    /// <param name="probabilityColumnName">The labels' probabilities, whose slot names say which labels there are.</param>
    /// <returns>The metrics.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">There is no row to evaluate.</exception>
    /// <remarks>Rows whose label is missing (NaN) are left out. A label that the model does not know counts as one that it did not find.</remarks>
    public MultiLabelMetrics Evaluate(
        IDataView data, string labelColumnName = "Label", string predictedLabelColumnName = "PredictedLabel", string probabilityColumnName = "Probability")
    {
        ArgumentNullException.ThrowIfNull(data);
        var labelColumn = LabelVector.In(data.Schema, labelColumnName, role: null);
        var (predicted, probability) = (Require(data.Schema, predictedLabelColumnName), Require(data.Schema, probabilityColumnName));
        var names = default(VBuffer<ReadOnlyMemory<char>>);
        probability.Annotations.GetValue("SlotNames", ref names);
        var rows = new List<EvaluatedLabels>();
        using var cursor = data.GetRowCursor([labelColumn, predicted, probability]);
        var labelOf = LabelVector.Reader(cursor, labelColumn);
        var predictedOf = LabelVector.Reader(cursor, predicted);
        var probabilityOf = cursor.GetGetter<VBuffer<float>>(probability);
        var probabilities = default(VBuffer<float>);
        while (cursor.MoveNext())
        {
            if (labelOf() is not { } own)
                continue;
            probabilityOf(ref probabilities);
            rows.Add(new EvaluatedLabels([.. own], [.. predictedOf()!], [.. probabilities.DenseValues()]));
        }
        var metrics = MultiLabelMetrics.Of([.. names.DenseValues().Select(name => name.ToString())], rows);
        if (metrics.UnknownLabels > 0)
        {
            using var channel = _env.Start("Moka multi-label evaluation");
            channel.Warning(MessageSensitivity.None, FormattableString.Invariant(
                $"The rows have {metrics.UnknownLabels} labels that the model does not know: they count as labels that it did not find."));
        }
        return metrics;
    }

    private static DataViewSchema.Column Require(DataViewSchema schema, string name) => schema.GetColumnOrNull(name) is { Type: VectorDataViewType } column
        ? column
        : throw InputColumns.SchemaError(
            [$"Could not find the column '{name}', a vector that a multi-label model adds: pass the rows through the model's Transform, or give its name."],
            nameof(schema), schema.Select(existing => existing.Name));

    /// <summary>Makes trainers of models that tell any number of labels of a row.</summary>
    public sealed class MultiLabelTrainers
    {
        private readonly IHostEnvironment _env;

        internal MultiLabelTrainers(IHostEnvironment env) => _env = env;

        /// <summary>Tunes a 4-bit LLaMA to tell which labels apply to a text, with the defaults of <see cref="MokaMultiLabelTrainer.Options"/>.</summary>
        /// <param name="labelColumnName">The labels: a vector of text or keys, or of Boolean or Single with slot names.</param>
        /// <param name="textColumnName">The text column.</param>
        /// <param name="backbonePath">
        /// The folder of a LLaMA in Hugging Face form, or a GGUF file; where it is not given, the small backbone inside this package is tuned.
        /// </param>
        /// <param name="numberOfEpochs">How often training sees each row. By default as often as it takes for 300 updates, from 3 to 100 times.</param>
        /// <param name="validationSet">Rows that are not trained on: the model ends with the weights that predict them best.</param>
        /// <returns>The trainer.</returns>
        /// <exception cref="ArgumentException">An argument makes no sense; the message names all that do not.</exception>
        public MokaMultiLabelTrainer Moka(
            string labelColumnName = "Label",
            string textColumnName = "Text",
            string? backbonePath = null,
            int? numberOfEpochs = null,
            IDataView? validationSet = null) =>
            Moka(new MokaMultiLabelTrainer.Options
            {
                LabelColumnName = labelColumnName,
                TextColumnName = textColumnName,
                BackbonePath = backbonePath,
                NumberOfEpochs = numberOfEpochs,
                ValidationSet = validationSet,
            });

        /// <summary>Tunes a 4-bit LLaMA to tell which labels apply to a text.</summary>
        /// <param name="options">Columns, backbone, adapter and training.</param>
        /// <returns>The trainer.</returns>
        /// <exception cref="ArgumentException">An option makes no sense; the message names all that do not.</exception>
        public MokaMultiLabelTrainer Moka(MokaMultiLabelTrainer.Options options) => new(_env, options);
    }
}
