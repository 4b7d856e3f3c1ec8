using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Design;

/// <summary>A design as text: one line for the maps of all layers that get the same.</summary>
internal static class DesignTable
{
    private const int MostShapesShown = 5;

    private static readonly string[] Header = ["map", "layers", "shape", "parameters", "rank", "operations", "filters A/B"];

    public static string Of(AdapterDesign design, string backbone)
    {
        var lines = new List<string[]> { Header };
        foreach (var group in design.Maps.GroupBy(map => (map.Module, map.Rows, map.Columns, map.Filters, map.TrainableParameterCount)))
        {
            var map = group.First();
            lines.Add([
                map.Module, Layers([.. group.Select(m => m.Layer)]), $"{map.Rows}x{map.Columns}", Number(map.TrainableParameterCount),
                Number(map.ReachableRank),
                Number(map.OperationsPerToken), Filters(map),
            ]);
        }
        var widths = Enumerable.Range(0, Header.Length).Select(column => lines.Max(line => line[column].Length)).ToArray();
        var text = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"{OptionsText.Of(design.Options)} on {backbone}");
        foreach (var line in lines)
            text.AppendLine(
                string.Join(
                    "  ", line.Select((cell, i) => i is 0 or 1 or 2 ? cell.PadRight(widths[i]) : i == Header.Length - 1 ? cell : cell.PadLeft(widths[i]))));
        text.AppendLine(CultureInfo.InvariantCulture,
            $"Total: {design.Maps.Count:N0} maps, {design.TrainableParameterCount:N0} trained parameters = " +
            $"{100 * design.TrainableShare:0.###} % of the backbone's {design.BackboneParameterCount:N0}.");
        text.Append(CultureInfo.InvariantCulture,
            $"Parameters, reachable rank and multiply-adds for one token are those of one map; " +
            $"all maps together take {design.OperationsPerToken:N0} multiply-adds for one token, " +
            $"{100.0 * design.OperationsPerToken / design.Maps.Sum(map => map.FrozenOperationsPerToken):0.##} % of the frozen maps'.");
        foreach (var note in design.Notes)
            text.AppendLine().Append("Note: ").Append(note);
        return text.ToString();
    }

    /// <summary>"0-31", "0-3,7".</summary>
    public static string Layers(IReadOnlyList<int> layers)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (var layer in layers.Distinct().Order())
        {
            if (ranges.Count > 0 && ranges[^1].Last == layer - 1)
                ranges[^1] = (ranges[^1].First, layer);
            else
                ranges.Add((layer, layer));
        }
        return string.Join(',', ranges.Select(range => range.First == range.Last ? $"{range.First}" : $"{range.First}-{range.Last}"));
    }

    private static string Filters(AdaptedMap map)
    {
        var shapes = map.Filters.Split(' ');
        return shapes.Length <= MostShapesShown ? map.Filters : $"{string.Join(' ', shapes[..MostShapesShown])} … ({map.FilterCount} filters)";
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
