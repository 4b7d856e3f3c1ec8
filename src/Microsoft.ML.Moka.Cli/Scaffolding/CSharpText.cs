using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>Names and literals of C#.</summary>
internal static class CSharpText
{
    private static readonly HashSet<string> Keywords = new(StringComparer.Ordinal)
    {
        "abstract", "as", "base", "bool", "break", "byte", "case", "catch", "char", "checked", "class", "const", "continue", "decimal", "default", "delegate",
        "do", "double", "else", "enum", "event", "explicit", "extern", "false", "finally", "fixed", "float", "for", "foreach", "goto", "if", "implicit", "in",
        "int", "interface", "internal", "is", "lock", "long", "namespace", "new", "null", "object", "operator", "out", "override", "params", "private",
        "protected", "public", "readonly", "ref", "return", "sbyte", "sealed", "short", "sizeof", "stackalloc", "static", "string", "struct", "switch",
        "this", "throw", "true", "try", "typeof", "uint", "ulong", "unchecked", "unsafe", "ushort", "using", "virtual", "void", "volatile", "while", "file",
        "record", "required", "scoped", "var", "dynamic", "field", "extension", "nint", "nuint", "notnull", "unmanaged", "partial", "where", "yield", "await",
        "async", "allows",
    };

    /// <summary>Whether a text is a name for a class as it stands.</summary>
    public static bool IsIdentifier(string text) => text.Length > 0 && !Keywords.Contains(text) && text == Cleaned(text);

    /// <summary>Whether a text is a namespace: identifiers with dots between them.</summary>
    public static bool IsNamespace(string text) => text.Split('.').All(IsIdentifier);

    /// <summary>A property name that resembles a column's, begins with a capital and is none of <paramref name="taken"/>, to which it is added.</summary>
    public static string PropertyName(string column, ISet<string> taken)
    {
        var cleaned = Cleaned(column);
        // With its capital it is no keyword any more; what has no capitals gets a mark.
        var name = char.ToUpperInvariant(cleaned[0]) + cleaned[1..];
        if (Keywords.Contains(name))
            name += "_";
        var unique = name;
        for (var i = 2; !taken.Add(unique); i++)
            unique = $"{name}_{i}";
        return unique;
    }

    /// <summary>An identifier that resembles a text: what may not be in one becomes an underscore.</summary>
    public static string Cleaned(string text)
    {
        var name = new StringBuilder();
        foreach (var character in text.Normalize(NormalizationForm.FormC))
            name.Append(MayBeInside(character) ? character : '_');
        if (name.Length == 0 || !MayBegin(name[0]))
            name.Insert(0, '_');
        return name.ToString();
    }

    /// <summary>A verbatim string literal.</summary>
    public static string Literal(string text) => $"@\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A character literal.</summary>
    public static string Literal(char character) => character == '\t' ? "'\\t'" : $"'{character}'";

    private static bool MayBegin(char character) =>
        character == '_' || char.IsLetter(character) || char.GetUnicodeCategory(character) == UnicodeCategory.LetterNumber;

    private static bool MayBeInside(char character) => MayBegin(character) || char.GetUnicodeCategory(character) is
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation;
}
