using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>The pictures of an inspection.</summary>
internal static class InspectionPictures
{
    public static string Gates(AdapterInspection inspection)
    {
        var modules = Modules(inspection);
        var layers = inspection.Maps.Select(map => map.Layer).Distinct().Order().ToList();
        var gated = inspection.Maps.Any(map => map.Gates.Length > 0);
        var cells = inspection.Filters.Select(
            filter => new HeatCell(modules.IndexOf(filter.Module), layers.IndexOf(filter.Layer), filter.Filter, gated ? filter.Coefficient : filter.Norm));
        var method = inspection.Maps[0].Method;
        return HeatMap.Draw(
            gated ? $"{method}: share of each filter (softmax of its gate)" : $"{method}: norm of each filter",
            "layer", "filter", gated ? "share" : "norm", modules, [.. layers.Select(layer => $"{layer}")], [.. cells]);
    }

    public static string Ranks(AdapterInspection inspection)
    {
        var computed = inspection.Maps.All(map => double.IsFinite(map.EffectiveRank));
        return computed
            ? Lines(inspection, "effective rank of ΔW", map => map.EffectiveRank)
            : Lines(inspection, "stable rank of ΔW", map => map.StableRank);
    }

    public static string Norms(AdapterInspection inspection) => Lines(inspection, "‖ΔW‖ / ‖W‖", map => map.RelativeNorm);

    private static string Lines(AdapterInspection inspection, string figure, Func<MapInspection, double> select) => LineChart.Draw(
        $"{inspection.Maps[0].Method}: {figure} by layer", "layer", figure,
        [.. Modules(inspection).Select(module => new LineSeries(
            module, [.. inspection.Maps.Where(map => map.Module == module).OrderBy(map => map.Layer).Select(map => (map.Layer, select(map)))]))]);

    private static List<string> Modules(AdapterInspection inspection) => [.. inspection.Maps.Select(map => map.Module).Distinct()];
}
