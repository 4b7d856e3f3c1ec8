using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Microsoft.ML.Moka.Tests.Docs;

/// <summary>
/// A line of source has 160 columns at most, so that two files stand side by side on a screen: <c>max_line_length</c> in <c>.editorconfig</c>.
/// </summary>
public sealed class LineLengthTests
{
    private const int Most = 160;

    // Cells of a notebook wrap by themselves; the others were written by the moka tool.
    private static readonly string[] Exempt = ["samples/notebooks/", "samples/SupportTickets/TicketModel."];

    [Fact]
    public void Lines_of_source_are_not_too_long()
    {
        var files = Sources().ToList();
        Assert.True(files.Count > 300, $"There should be more files than {files.Count}.");
        Assert.Empty(files.SelectMany(file => TooLong(File.ReadAllText(Path.Combine(Repository.Root, file))).Select(line => $"{file}:{line}")));
    }

    [Fact]
    public void A_line_that_is_too_long_is_found_and_a_quoted_text_is_none()
    {
        var comment = $"// {new string('x', Most)}";
        var quoted = $"var text = \"\"\"\n    {new string('x', Most)}\n    \"\"\";";

        Assert.Equal([2], TooLong($"var one = 1;\n{comment}\n"));
        Assert.Empty(TooLong(quoted));
        Assert.Equal([4], TooLong($"{quoted}\n{comment}"));
    }

    private static IEnumerable<string> Sources() =>
        from folder in (string[])["build", "samples", "src", "test"]
        from path in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
        let file = Path.GetRelativePath(Repository.Root, path).Replace('\\', '/')
        where !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal)
        where !Exempt.Any(exempt => file.StartsWith(exempt, StringComparison.Ordinal))
        select file;

    /// <summary>The numbers of the lines, counted from 1; the lines of a text in triple quotes belong to the text.</summary>
    private static IEnumerable<int> TooLong(string source)
    {
        var numbers = source.Split('\n').Index().Where(line => line.Item.TrimEnd('\r').EnumerateRunes().Count() > Most).Select(line => line.Index).ToList();
        if (numbers.Count == 0)
            return [];
        var tree = CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.CSharp14));
        var quoted = tree.GetRoot().DescendantTokens()
            .Where(token => token.RawKind is (int)SyntaxKind.MultiLineRawStringLiteralToken or (int)SyntaxKind.InterpolatedStringTextToken)
            .Select(token => tree.GetLineSpan(token.Span))
            .Where(span => span.StartLinePosition.Line < span.EndLinePosition.Line)
            .SelectMany(span => Enumerable.Range(span.StartLinePosition.Line, span.EndLinePosition.Line - span.StartLinePosition.Line + 1))
            .ToHashSet();
        return numbers.Where(number => !quoted.Contains(number)).Select(number => number + 1);
    }
}
