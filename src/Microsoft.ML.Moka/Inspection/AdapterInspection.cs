using System.Globalization;
using System.Text;
using Microsoft.ML.Moka.Inspection;

namespace Microsoft.ML.Moka;

/// <summary>
/// A look inside a tuned model: gates, coefficients, norms and ranks of the weight updates, as records, as an <see cref="IDataView"/> and as pictures. The
/// pictures are SVG as text, which a notebook shows as HTML.
/// </summary>
public sealed class AdapterInspection
{
    internal AdapterInspection(
        IReadOnlyList<MapInspection> maps, IReadOnlyList<FilterInspection> filters, HeadInspection? head, long trainableParameterCount) =>
        (Maps, Filters, Head, TrainableParameterCount) = (maps, filters, head, trainableParameterCount);

    /// <summary>All trained parameters: those of the maps, of the head, and of embeddings and biases that an adapter of PEFT's may have.</summary>
    public long TrainableParameterCount { get; }

    /// <summary>The head of a model that scores by one; null where answers are words.</summary>
    public HeadInspection? Head { get; }

    /// <summary>One record for each adapted map, layer by layer.</summary>
    public IReadOnlyList<MapInspection> Maps { get; }

    /// <summary>One record for each filter of each map; LoRA of rank r has r of them.</summary>
    public IReadOnlyList<FilterInspection> Filters { get; }

    /// <summary>The maps as rows; the columns are named as the properties of <see cref="MapInspection"/>.</summary>
    /// <param name="mlContext">The context that the view belongs to.</param>
    /// <returns>The rows.</returns>
    public IDataView ToDataView(MLContext mlContext)
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        return mlContext.Data.LoadFromEnumerable(Maps);
    }

    /// <summary>The filters as rows; the columns are named as the properties of <see cref="FilterInspection"/>.</summary>
    /// <param name="mlContext">The context that the view belongs to.</param>
    /// <returns>The rows.</returns>
    public IDataView FiltersToDataView(MLContext mlContext)
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        return mlContext.Data.LoadFromEnumerable(Filters);
    }

    /// <summary>
    /// A heat map: a row for each kind of map, a column for each filter of each layer, coloured by the filter's coefficient (its share, where gates are
    /// trained) or, where the method has no gates, by its norm.
    /// </summary>
    /// <returns>An SVG document.</returns>
    public string GatesToSvg() => InspectionPictures.Gates(this);

    /// <summary>Lines of the effective rank over the layers, one for each kind of map; of the stable rank where effective ranks were not computed.</summary>
    /// <returns>An SVG document.</returns>
    public string RanksToSvg() => InspectionPictures.Ranks(this);

    /// <summary>Lines of ‖ΔW‖ / ‖W‖ over the layers, one for each kind of map.</summary>
    /// <returns>An SVG document.</returns>
    public string NormsToSvg() => InspectionPictures.Norms(this);

    /// <summary>A table with a line for each map, and one for the head where there is one.</summary>
    /// <returns>Some lines of text for a fixed-width font.</returns>
    public override string ToString()
    {
        var width = Maps.Max(map => map.Map.Length);
        var text = new StringBuilder($"{"map".PadRight(width)}   ‖ΔW‖/‖W‖  eff. rank  stable rank  coefficients");
        foreach (var map in Maps)
        {
            var coefficients = string.Join(' ', map.Coefficients.Distinct().Select(c => c.ToString("0.000", CultureInfo.InvariantCulture)));
            text.AppendLine().Append(CultureInfo.InvariantCulture,
                $"{map.Map.PadRight(width)}  {map.RelativeNorm,9:0.0000}  {map.EffectiveRank,9:0.0}  {map.StableRank,11:0.0}  {coefficients}");
        }
        if (Head is { } head)
            text.AppendLine().Append(CultureInfo.InvariantCulture,
                $"head over {head.Head}: {head.Norms.Count:N0} outputs, norms {head.Norms.Min():0.0000} to {head.Norms.Max():0.0000}");
        return text.ToString();
    }
}
