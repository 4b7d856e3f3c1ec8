using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Microsoft.ML.Moka.ApiReference;

/// <summary>The XML documentation of an assembly, as Markdown.</summary>
internal sealed partial class Comments
{
    private readonly Dictionary<string, XElement> _members;
    private readonly Func<string, string?> _linkOf;

    /// <param name="xml">The text of the XML file.</param>
    /// <param name="linkOf">Where a type of the reference is described; null for other types.</param>
    public Comments(string xml, Func<string, string?> linkOf)
    {
        _members = XDocument.Parse(xml, LoadOptions.PreserveWhitespace).Descendants("member").ToDictionary(member => member.Attribute("name")!.Value);
        _linkOf = linkOf;
    }

    /// <summary>The comment of a member, with what it inherits; null where there is none.</summary>
    public XElement? Of(string name)
    {
        if (!_members.TryGetValue(name, out var member))
            return null;
        var whole = new XElement(member);
        foreach (var inherit in whole.Elements("inheritdoc").ToList())
        {
            inherit.Remove();
            if (inherit.Attribute("cref")?.Value is { } source && Of(source) is { } inherited)
                whole.Add(inherit.Attribute("path")?.Value is { } path
                    ? inherited.Elements(path.TrimStart('/'))
                    : inherited.Elements().Where(element => whole.Element(element.Name) is null));
        }
        return whole;
    }

    /// <summary>A part of a comment as Markdown on one line.</summary>
    public string Text(XElement? part)
    {
        if (part is null)
            return "";
        var text = new StringBuilder();
        Append(text, part);
        return Blanks().Replace(text.ToString(), " ").Trim();
    }

    private void Append(StringBuilder text, XElement part)
    {
        foreach (var node in part.Nodes())
        {
            switch (node)
            {
                case XText plain:
                    text.Append(plain.Value.Replace("<", "&lt;", StringComparison.Ordinal).Replace("*", "\\*", StringComparison.Ordinal)
                        .Replace("|", "\\|", StringComparison.Ordinal));
                    break;
                case XElement { Name.LocalName: "c" } code:
                    text.Append('`').Append(code.Value.Replace("\n", "\\n", StringComparison.Ordinal)).Append('`');
                    break;
                case XElement { Name.LocalName: "paramref" or "typeparamref" } parameter:
                    text.Append('`').Append(parameter.Attribute("name")!.Value).Append('`');
                    break;
                case XElement { Name.LocalName: "see" } see:
                    text.Append(Reference(see));
                    break;
                case XElement other:
                    Append(text, other);
                    break;
                default:
                    break;
            }
        }
    }

    private string Reference(XElement see)
    {
        if (see.Attribute("cref")?.Value is not { } name)
            return see.Attribute("href")?.Value is { } address
                ? $"[{(see.Value.Length > 0 ? see.Value : address)}]({address})"
                : $"`{see.Attribute("langword")?.Value}`";
        var path = name[2..].Split('(')[0];
        var isType = name.StartsWith("T:", StringComparison.Ordinal);
        var type = isType ? path : path[..path.LastIndexOf('.')];
        var member = isType ? "" : $".{path[(path.LastIndexOf('.') + 1)..].Split('`')[0]}";
        var shown = $"{Shorten(type)}{member}";
        return _linkOf(type) is { } link ? $"[{shown}]({link})" : $"`{shown}`";
    }

    /// <summary>The last part of a type's name; of a type within one of the reference, both.</summary>
    private string Shorten(string type)
    {
        var parts = type.Split('`')[0].Split('.');
        return parts.Length > 1 && _linkOf(string.Join('.', parts[..^1])) is not null ? $"{parts[^2]}.{parts[^1]}" : parts[^1];
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
