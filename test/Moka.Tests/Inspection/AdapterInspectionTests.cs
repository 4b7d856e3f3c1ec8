using System.Globalization;
using System.Xml.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Inspection;

public sealed class AdapterInspectionTests(TunedModel tuned)
{
    [Fact]
    public void A_tuned_model_can_be_looked_into()
    {
        var inspection = tuned.Model.Inspect();

        Assert.Equal(8, inspection.Maps.Count);
        Assert.Equal(tuned.Model.TrainableParameterCount, inspection.Maps.Sum(map => map.TrainableParameterCount));
        Assert.All(inspection.Maps, map => Assert.True(map.RelativeNorm > 0 && map.EffectiveRank >= 1, map.ToString()));
        Assert.All(inspection.Maps, map => Assert.Equal("MOKA", map.Method));
        var lines = inspection.ToString().Split(Environment.NewLine);
        Assert.Equal(9, lines.Length);
        Assert.StartsWith("model.layers.0.self_attn.q_proj  ", lines[1]);
    }

    [Fact]
    public void A_disposed_model_says_so()
    {
        var model = tuned.Pipeline(tuned.Context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        model.Dispose();

        Assert.Throws<ObjectDisposedException>(() => model.Inspect());
        Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Model.Inspect(largestSpectrum: -1));
    }

    [Fact]
    public void Maps_and_filters_are_data_views()
    {
        var inspection = tuned.Model.Inspect();

        var maps = inspection.ToDataView(tuned.Context);
        Assert.Equal(inspection.Maps.Select(map => map.EffectiveRank), Column<double>(maps, "EffectiveRank"));
        Assert.Equal(inspection.Maps.Select(map => map.RelativeNorm), Column<double>(maps, "RelativeNorm"));
        Assert.Equal(inspection.Maps.Select(map => map.Map), Column<ReadOnlyMemory<char>>(maps, "Map").Select(name => name.ToString()));
        Assert.Equal(inspection.Maps.SelectMany(map => map.Gates), Column<VBuffer<float>>(maps, "Gates").SelectMany(gates => gates.DenseValues()));

        var filters = inspection.FiltersToDataView(tuned.Context);
        Assert.Equal(inspection.Filters.Select(filter => filter.Coefficient), Column<float>(filters, "Coefficient"));
        Assert.Equal(inspection.Filters.Select(filter => filter.Layer), Column<int>(filters, "Layer"));
    }

    [Fact]
    public void The_gates_are_a_picture_with_a_cell_for_each_filter()
    {
        var inspection = tuned.Model.Inspect();
        var svg = Parse(inspection.GatesToSvg());

        var tips = svg.Descendants(svg.Name.Namespace + "rect").Elements().Select(tip => tip.Value).ToList();
        Assert.Equal(inspection.Filters.Count, tips.Count);
        var filter = inspection.Filters[0];
        Assert.Contains(FormattableString.Invariant($"{filter.Module}, layer 0, filter 0: {filter.Coefficient:0.####}"), tips);
        Assert.Superset(new HashSet<string> { "q_proj", "k_proj", "v_proj", "o_proj", "0", "1" }, Texts(svg));
    }

    [Fact]
    public void Ranks_and_norms_are_lines_over_the_layers()
    {
        var inspection = tuned.Model.Inspect();
        foreach (var (picture, title) in new[] { (inspection.RanksToSvg(), "effective rank of ΔW"), (inspection.NormsToSvg(), "‖ΔW‖ / ‖W‖") })
        {
            var svg = Parse(picture);
            Assert.Superset(new HashSet<string> { "q_proj", "k_proj", "v_proj", "o_proj", "layer", title, $"MOKA: {title} by layer" }, Texts(svg));
            // Four lines over two layers, each with a sample in the legend.
            Assert.Equal(8, svg.Descendants(svg.Name.Namespace + "path").Count());
        }
        Assert.Contains("stable rank of ΔW", tuned.Model.Inspect(largestSpectrum: 0).RanksToSvg());
    }

    private static HashSet<string> Texts(XElement svg) => [.. svg.Elements(svg.Name.Namespace + "text").Select(text => text.Value)];

    /// <summary>It is XML that stands alone, and everything in it lies inside the picture.</summary>
    private static XElement Parse(string text)
    {
        var svg = XDocument.Parse(text).Root!;
        var width = double.Parse(svg.Attribute("width")!.Value, CultureInfo.InvariantCulture);
        var height = double.Parse(svg.Attribute("height")!.Value, CultureInfo.InvariantCulture);
        Assert.All(svg.Elements().Attributes("x"), x => Assert.InRange(double.Parse(x.Value, CultureInfo.InvariantCulture), 0, width));
        Assert.All(svg.Elements().Attributes("y"), y => Assert.InRange(double.Parse(y.Value, CultureInfo.InvariantCulture), 0, height));
        Assert.NotEmpty(svg.Element(svg.Name.Namespace + "title")!.Value);
        Assert.DoesNotContain("http", text.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
        return svg;
    }

    private static List<T> Column<T>(IDataView view, string name)
    {
        var column = view.Schema[name];
        using var cursor = view.GetRowCursor([column]);
        var getter = cursor.GetGetter<T>(column);
        var values = new List<T>();
        while (cursor.MoveNext())
        {
            var value = default(T)!;
            getter(ref value);
            values.Add(value);
        }
        return values;
    }
}
