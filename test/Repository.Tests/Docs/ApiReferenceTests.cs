using System.Xml.Linq;
using Microsoft.ML.Moka.ApiReference;

namespace Microsoft.ML.Moka.Tests.Docs;

public sealed class ApiReferenceTests
{
    private static readonly Lazy<IReadOnlyDictionary<string, string>> Pages = new(() =>
        Reference.Make(typeof(MokaTrainer).Assembly, File.ReadAllText(Path.ChangeExtension(typeof(MokaTrainer).Assembly.Location, ".xml"))));

    [Fact]
    public void The_committed_pages_are_those_of_the_public_types()
    {
        var folder = Path.Combine(Repository.Root, "docs", "api");

        Assert.Equal(Pages.Value.Keys.Order(), Directory.GetFiles(folder).Select(Path.GetFileName).Order());
        foreach (var (name, text) in Pages.Value)
            Assert.True(
                text == File.ReadAllText(Path.Combine(folder, name)).ReplaceLineEndings("\n"), $"docs/api/{name} is not up to date: run ./build.sh docs.");
    }

    [Fact]
    public void Every_public_type_is_described()
    {
        var text = string.Concat(Pages.Value.Values);

        Assert.All(typeof(MokaTrainer).Assembly.GetExportedTypes().Where(type => !type.Name.Contains('<') && !type.Name.Contains('$')),
            type => Assert.Contains($"\n## {Names.Short(type)}\n", text));
    }

    [Fact]
    public void Names_on_pages_are_those_of_types()
    {
        var known = typeof(MokaTrainer).Assembly.GetExportedTypes().Select(Names.Short).ToHashSet();

        Assert.All(Groups.All.SelectMany(group => group.Types), type => Assert.Contains(type, known));
    }

    [Theory]
    [InlineData("| `MLContext.MultiClassification` | `MulticlassClassificationCatalog` | The same as `MLContext.MulticlassClassification`. |")]
    [InlineData("**`void SaveAdapter(string folder, AdapterFileFormat format = AdapterFileFormat.AsTrained)`**")]
    [InlineData("| `NumberOfEpochs` | `int?` |")]
    [InlineData("| `BackbonePath` | `string?` |")]
    [InlineData("static string ToSvg(string title, params IReadOnlyList<(string, TrainingCurve)> runs)")]
    [InlineData("- throws `TrainingDivergedException`: A loss or gradient was not finite.")]
    public void Members_are_as_one_writes_them(string expected) => Assert.Contains(expected, string.Concat(Pages.Value.Values));

    [Fact]
    public void Comments_become_Markdown()
    {
        var comments = new Comments(
            """<doc><members><member name="T:A.B"><summary>See <see cref="T:A.C"/>, <see cref="P:A.C.D"/>, <see cref="M:X.Y.Z(System.Int32)"/>, """
            + """<c>a &lt; b</c>, <see langword="null"/> and <paramref name="p"/>; 1 &lt; 2 * 3.</summary></member>"""
            + """<member name="M:A.B.E"><inheritdoc cref="T:A.B"/></member></members></doc>""",
            type => type == "A.C" ? "page.md#c" : null);

        const string Expected = "See [C](page.md#c), [C.D](page.md#c), `Y.Z`, `a < b`, `null` and `p`; 1 &lt; 2 \\* 3.";
        Assert.Equal(Expected, comments.Text(comments.Of("T:A.B")!.Element("summary")));
        Assert.Equal(Expected, comments.Text(comments.Of("M:A.B.E")!.Element("summary")));
        Assert.Null(comments.Of("T:A.Unknown"));
        Assert.Equal("", comments.Text((XElement?)null));
    }
}
