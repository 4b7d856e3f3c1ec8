using System.Net;

namespace Microsoft.ML.Moka.Drawing;

/// <summary>
/// Says how notebooks of .NET Interactive show a type. They find the attribute by its name, and what it names by theirs (Formatter.cs of
/// Microsoft.DotNet.Interactive.Formatting: formatter sources by convention), so that no package of theirs is needed.
/// </summary>
/// <param name="formatterSourceType">A <see cref="NotebookFormats"/>.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    public Type FormatterSourceType { get; } = formatterSourceType;

    public string[] PreferredMimeTypes { get; } = [NotebookFormats.Html];
}

/// <summary>How a type is shown, in HTML: pictures stand in it as SVG.</summary>
internal abstract class NotebookFormats
{
    public const string Html = "text/html";

    /// <summary>What the notebook asks for.</summary>
    public IEnumerable<object> CreateTypeFormatters() => [new NotebookFormat(Write)];

    protected abstract string Write(object value);

    /// <summary>A table, each row with a cell for each of the names.</summary>
    protected static string Table(IEnumerable<string> names, IEnumerable<IEnumerable<string>> rows) =>
        $"<table><thead><tr>{Cells("th", names)}</tr></thead><tbody>{string.Concat(rows.Select(row => $"<tr>{Cells("td", row)}</tr>"))}</tbody></table>";

    /// <summary>A picture; or why there is none yet, which is no error of the cell that it was to be shown in.</summary>
    protected static string Picture(Func<string> draw)
    {
        try
        {
            return draw();
        }
        catch (InvalidOperationException e)
        {
            return $"<p>{WebUtility.HtmlEncode(e.Message)}</p>";
        }
    }

    private static string Cells(string element, IEnumerable<string> texts) =>
        string.Concat(texts.Select(text => $"<{element}>{WebUtility.HtmlEncode(text)}</{element}>"));
}

/// <summary>A way to show a value, with the members that notebooks look for.</summary>
internal sealed class NotebookFormat(Func<object, string> write)
{
    public string MimeType { get; } = NotebookFormats.Html;

    public bool Format(object value, TextWriter writer)
    {
        writer.Write(write(value));
        return true;
    }
}
