using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.ML.Moka.Notebook;

namespace Microsoft.ML.Moka.Tests.Docs;

/// <summary>All Markdown of the repository: its links lead somewhere, its C# compiles.</summary>
public sealed partial class MarkdownTests
{
    /// <summary>What pages speak of without declaring it.</summary>
    private const string Prelude = """
        using Microsoft.Extensions.AI;
        using Microsoft.ML;
        using Microsoft.ML.Data;
        using Microsoft.ML.Moka;
        using Microsoft.ML.Transforms;

        MLContext mlContext = null;
        IDataView data = null, train = null, test = null, rows = null, instructions = null;
        TransformerChain<KeyToValueMappingTransformer> model = null;
        MokaTransformer tuned = null;

        public sealed class Ticket
        {
            public string Text { get; set; }
            public string Label { get; set; }
        }

        public sealed class Answer
        {
            public string PredictedLabel { get; set; }
            public float[] Score { get; set; }
        }
        """;

    private static readonly ScriptOptions Options = ScriptOptions.Default
        .WithReferences(Framework().Concat(Packages()).Select(path => MetadataReference.CreateFromFile(path)))
        .WithLanguageVersion(CodeAnalysis.CSharp.LanguageVersion.CSharp14)
        .WithImports("System", "System.IO", "System.Linq", "System.Collections.Generic", "System.Threading", "System.Threading.Tasks");

    public static TheoryData<string> Pages => [.. MarkdownPage.Names];

    public static TheoryData<string> PagesWithCode => [.. MarkdownPage.Names.Where(name => MarkdownPage.Open(name).Code("csharp").Any())];

    private static IEnumerable<string> Framework() => ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
        .Where(path => Path.GetDirectoryName(path) == Path.GetDirectoryName(typeof(object).Assembly.Location));

    /// <summary>Moka, and what else comes in the package Microsoft.ML.</summary>
    private static IEnumerable<string> Packages() =>
        ((string[])["Microsoft.ML.Moka", "Microsoft.ML.Moka.Datasets", "Microsoft.ML.Moka.Orleans", "Microsoft.ML.StandardTrainers", "Microsoft.ML.Transforms"])
            .SelectMany(LocalBuild.Package).Distinct();

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_to_files_and_headings(string name)
    {
        var page = MarkdownPage.Open(name);
        Assert.All(page.Links, link =>
        {
            if (Uri.TryCreate(link, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http")
                return;
            var parts = link.Split('#', 2);
            var target = parts[0].Length == 0 ? page.Path : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page.Path)!, Uri.UnescapeDataString(parts[0])));
            Assert.True(Path.Exists(target), $"{name} links to {link}, and there is no such file.");
            Assert.True(target.StartsWith(Repository.Root, StringComparison.Ordinal), $"{name} links to {link}, which is not in the repository.");
            if (parts.Length == 2 && target.EndsWith(".md", StringComparison.Ordinal))
                Assert.True(MarkdownPage.Open(target).Anchors.Contains(parts[1]), $"{name} links to {link}, and the page has no such heading.");
        });
    }

    [Fact]
    public void The_index_of_the_docs_names_every_page()
    {
        var pages = Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(path => Path.GetFileName(path)).Where(name => name != "README.md");

        Assert.Superset(pages.ToHashSet(), MarkdownPage.Open("docs/README.md").Links.ToHashSet());
    }

    [Theory]
    [MemberData(nameof(PagesWithCode))]
    public void Code_compiles_block_after_block(string name)
    {
        Script<object> script = CSharpScript.Create(Prelude, Options);
        foreach (var (line, code) in MarkdownPage.Open(name).Code("csharp"))
        {
            // A script knows no declaration that disposes at the end of its scope: it has no such end. Nor directives of file-based apps.
            script = script.ContinueWith(AppDirective().Replace(TopLevelUsing().Replace(code, "var "), ""));
            var errors = script.GetCompilation().GetDiagnostics().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
                .Select(error =>
                    $"{name}, line {line + error.Location.GetLineSpan().StartLinePosition.Line}: " +
                    $"{error.GetMessage(System.Globalization.CultureInfo.InvariantCulture)}");
            Assert.True(!errors.Any(), string.Join('\n', errors));
        }
    }

    [GeneratedRegex("^#:.*$", RegexOptions.Multiline)]
    private static partial Regex AppDirective();

    [GeneratedRegex("^(await )?using var ", RegexOptions.Multiline)]
    private static partial Regex TopLevelUsing();
}
