using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>A curve in a notebook: its picture.</summary>
internal sealed class CurveView : NotebookFormats
{
    protected override string Write(object value) => Picture(() => ((TrainingCurve)value).ToSvg());
}

/// <summary>An inspection in a notebook: its gates or norms as a picture, and a table of the maps, of many those that changed most.</summary>
internal sealed class InspectionView : NotebookFormats
{
    private const int MostRows = 32;

    protected override string Write(object value)
    {
        var inspection = (AdapterInspection)value;
        var picture = inspection.Filters.Count > 0 ? inspection.GatesToSvg() : inspection.NormsToSvg();
        // In their own order, which is the same on every machine.
        var shown = inspection.Maps.OrderByDescending(map => map.RelativeNorm).Take(MostRows).ToHashSet();
        var maps = inspection.Maps.Where(shown.Contains);
        return picture + Table(
            ["map", "‖ΔW‖/‖W‖", "effective rank", "reachable rank", "stable rank", "parameters"],
            maps.Select(map => (string[])
            [
                map.Map, FormattableString.Invariant($"{map.RelativeNorm:0.0000}"), FormattableString.Invariant($"{map.EffectiveRank:0.0}"),
                FormattableString.Invariant($"{map.ReachableRank}"), FormattableString.Invariant($"{map.StableRank:0.0}"),
                FormattableString.Invariant($"{map.TrainableParameterCount:N0}"),
            ]));
    }
}
