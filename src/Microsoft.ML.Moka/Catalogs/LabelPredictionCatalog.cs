using Microsoft.ML.Moka;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Models;

namespace Microsoft.ML;

/// <summary>Labels with their probabilities and names in one call.</summary>
public static class LabelPredictionCatalog
{
    /// <summary>Tells the labels of a text, and how likely each is.</summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="model">A model of Moka's that tells labels, or a chain with one in it, trained or loaded. Any number of threads may use it.</param>
    /// <param name="text">The text, for the only column that the model reads.</param>
    /// <returns>The labels, the likeliest first.</returns>
    /// <exception cref="ArgumentException">The model tells no labels, or reads more than a text.</exception>
    public static LabelPrediction PredictLabels(this ModelOperationsCatalog catalog, ITransformer model, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PredictAllLabels(catalog, model, [text])[0];
    }

    /// <summary>Tells the labels of a row, and how likely each is. The row needs no label, also where the model maps one.</summary>
    /// <typeparam name="TRow">A class with the columns that the model reads.</typeparam>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="model">A model of Moka's that tells labels, or a chain with one in it, trained or loaded. Any number of threads may use it.</param>
    /// <param name="row">The row.</param>
    /// <returns>The labels, the likeliest first.</returns>
    /// <exception cref="ArgumentException">The model tells no labels, or the row lacks a column.</exception>
    public static LabelPrediction PredictLabels<TRow>(this ModelOperationsCatalog catalog, ITransformer model, TRow row)
        where TRow : class
    {
        ArgumentNullException.ThrowIfNull(row);
        return PredictAllLabels(catalog, model, [row])[0];
    }

    /// <summary>Tells the labels of texts, in batches, which is much cheaper than one by one.</summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="model">A model of Moka's that tells labels, or a chain with one in it.</param>
    /// <param name="texts">The texts.</param>
    /// <returns>The labels of each text, the likeliest first.</returns>
    /// <inheritdoc cref="PredictLabels(ModelOperationsCatalog, ITransformer, string)" path="/exception"/>
    public static IReadOnlyList<LabelPrediction> PredictAllLabels(this ModelOperationsCatalog catalog, ITransformer model, IEnumerable<string> texts)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(texts);
        return [.. LabelPredictor.Of(model).Predict(GivenTexts.Of(texts, nameof(texts)))];
    }

    /// <summary>Tells the labels of rows, in batches, which is much cheaper than one by one.</summary>
    /// <typeparam name="TRow">A class with the columns that the model reads; it needs no label.</typeparam>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="model">A model of Moka's that tells labels, or a chain with one in it.</param>
    /// <param name="rows">The rows.</param>
    /// <returns>The labels of each row, the likeliest first.</returns>
    /// <inheritdoc cref="PredictLabels{TRow}" path="/exception"/>
    public static IReadOnlyList<LabelPrediction> PredictAllLabels<TRow>(this ModelOperationsCatalog catalog, ITransformer model, IEnumerable<TRow> rows)
        where TRow : class
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        // A context of its own, for no setting of the caller's has a part in making a view.
        return [.. LabelPredictor.Of(model).Predict(new MLContext().Data.LoadFromEnumerable(rows), isRequest: true)];
    }

    /// <summary>Tells the labels of a view's rows, one after the other while they are asked for, scored in batches.</summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="model">A model of Moka's that tells labels, or a chain with one in it.</param>
    /// <param name="rows">The rows, with the columns that the model reads; they need no label.</param>
    /// <returns>The labels of each row, the likeliest first. Each enumeration scores anew.</returns>
    /// <exception cref="ArgumentException">The model tells no labels, or a row lacks a column: that is told when the first row is asked for.</exception>
    public static IEnumerable<LabelPrediction> PredictAllLabels(this ModelOperationsCatalog catalog, ITransformer model, IDataView rows)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        return LabelPredictor.Of(model).Predict(rows, isRequest: false);
    }
}
