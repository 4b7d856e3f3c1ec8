using System.Text;
using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Microsoft.ML.Moka.Tests.Docs;

/// <summary>A Markdown file of the repository.</summary>
internal sealed class MarkdownPage
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().Build();

    private readonly MarkdownDocument _document;

    private MarkdownPage(string path) => (Path, _document) = (path, Markdown.Parse(File.ReadAllText(path).ReplaceLineEndings("\n"), Pipeline));

    public string Path { get; }

    /// <summary>The path from the root, with slashes.</summary>
    public string Name => System.IO.Path.GetRelativePath(Repository.Root, Path).Replace('\\', '/');

    public IReadOnlyList<string> Links => [.. _document.Descendants<LinkInline>().Select(link => link.Url ?? "")];

    /// <summary>The anchors of its headings, as GitHub makes them.</summary>
    public IReadOnlySet<string> Anchors => _document.Descendants<HeadingBlock>().Select(heading => Anchor(TextOf(heading))).ToHashSet(StringComparer.Ordinal);

    public static IReadOnlyList<string> Names { get; } = [.. Find(new DirectoryInfo(Repository.Root)).Order(StringComparer.Ordinal)];

    public static MarkdownPage Open(string name) => new(System.IO.Path.Combine(Repository.Root, name));

    /// <summary>The code blocks of a language, in order, with the line that each begins at.</summary>
    public IEnumerable<(int Line, string Code)> Code(string language) => _document.Descendants<FencedCodeBlock>()
        .Where(block => block.Info == language).Select(block => (block.Line + 2, TextOf(block)));

    /// <summary>All code blocks in order, each with its language, which is empty for what a shell is given.</summary>
    public IEnumerable<(string Language, string Text)> CodeBlocks =>
        _document.Descendants<FencedCodeBlock>().Select(block => (block.Info ?? "", TextOf(block)));

    private static string TextOf(FencedCodeBlock block) => string.Join('\n', block.Lines.Lines.Take(block.Lines.Count).Select(line => line.ToString()));

    private static string TextOf(HeadingBlock block)
    {
        var text = new StringBuilder();
        foreach (var inline in block.Inline!.Descendants())
            text.Append(inline switch { LiteralInline literal => literal.Content.ToString(), CodeInline code => code.Content, _ => "" });
        return text.ToString();
    }

    private static string Anchor(string heading) =>
        string.Concat(heading.ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_').Select(c => c == ' ' ? '-' : c));

    private static IEnumerable<string> Find(DirectoryInfo folder)
    {
        foreach (var file in folder.EnumerateFiles("*.md"))
            yield return System.IO.Path.GetRelativePath(Repository.Root, file.FullName).Replace('\\', '/');
        foreach (var inner in folder.EnumerateDirectories()
            .Where(inner => inner.Name is not ("bin" or "obj" or "artifacts" or "TestResults") && inner.Name[0] != '.'))
            foreach (var name in Find(inner))
                yield return name;
    }
}
