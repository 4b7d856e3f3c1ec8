using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>
/// What a model on Hugging Face's hub is called: <c>owner/name</c>, <c>owner/name@revision</c>, and a GGUF in it <c>owner/name/file.gguf</c>.
/// </summary>
/// <param name="Repository">The owner and the name, with a slash between them.</param>
/// <param name="Revision">A branch, a tag or a commit; null where none is named, which means "main".</param>
/// <param name="File">The path of a GGUF; null for a model in safetensors.</param>
internal sealed partial record HubName(string Repository, string? Revision, string? File)
{
    public const string DefaultRevision = "main";

    // What means more than a letter of a file's name on some system.
    private static readonly SearchValues<char> Elsewhere = SearchValues.Create("\\:*?\"<>|");

    /// <summary>The revision, named or not.</summary>
    public string RevisionOrDefault => Revision ?? DefaultRevision;

    /// <summary>Whether a text has the form of such a name; a relative path may have it too.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out HubName? name)
    {
        name = null;
        var match = Form().Match(text);
        if (!match.Success || !IsRepository(match.Groups["repository"].Value))
            return false;
        var (revision, file) = (match.Groups["revision"], match.Groups["file"]);
        if ((revision.Success && !IsRevision(revision.Value)) || (file.Success && !IsPath(file.Value)))
            return false;
        name = new HubName(match.Groups["repository"].Value, revision.Success ? revision.Value : null, file.Success ? file.Value : null);
        return true;
    }

    /// <summary>Whether a text may name a revision; one that could lead out of the cache's folders may not.</summary>
    public static bool IsRevision(string text) =>
        text.Length <= 200 && RevisionForm().IsMatch(text) && !text.Contains("..", StringComparison.Ordinal) && !text.EndsWith('/');

    /// <summary>Whether a text is the full hash of a commit.</summary>
    public static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Whether a text is a plain relative path below its folder, on every system.</summary>
    public static bool IsPath(string text) => text.Length is > 0 and <= 500 && text.Split('/').All(part =>
        part.Length > 0 && part[0] != '.' && !part.EndsWith('.') && !part.EndsWith(' ') && part.AsSpan().IndexOfAny(Elsewhere) < 0
            && !part.Any(char.IsControl));

    /// <summary>The name as one writes it.</summary>
    public override string ToString() => $"{Repository}{(Revision is null ? "" : $"@{Revision}")}{(File is null ? "" : $"/{File}")}";

    private static bool IsRepository(string text) => !text.Contains("--", StringComparison.Ordinal) && !text.Contains("..", StringComparison.Ordinal)
        && text.Split('/').All(part => part[^1] is not ('.' or '-'));

    [GeneratedRegex("^(?<repository>[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})(@(?<revision>refs/pr/[0-9]{1,9}|[^@/]+))?" +
        "(/(?<file>.+\\.gguf))?\\z", RegexOptions.IgnoreCase)]
    private static partial Regex Form();

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9._+/-]*\\z")]
    private static partial Regex RevisionForm();
}
