using System.Globalization;
using System.Reflection;
using System.Text;
using System.Xml.Linq;

namespace Microsoft.ML.Moka.ApiReference;

/// <summary>Makes the pages of the reference.</summary>
internal sealed class Reference
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly NullabilityInfoContext _nullability = new();
    private readonly Dictionary<string, (string Page, Type Type)> _types;
    private readonly Comments _comments;
    private string _page = "";

    private Reference(Assembly assembly, string xml)
    {
        var named = Groups.All.SelectMany(group => group.Types.Select(type => (group.Page, type))).ToDictionary(pair => pair.type, pair => pair.Page);
        _types = assembly.GetExportedTypes().Where(type => !type.Name.Contains('<') && !type.Name.Contains('$'))
            .ToDictionary(type => type.FullName!.Replace('+', '.'), type => (named.GetValueOrDefault(Names.Short(type), Groups.Rest), type));
        _comments = new Comments(xml, LinkTo);
    }

    /// <summary>The pages by file name.</summary>
    /// <param name="assembly">The package's.</param>
    /// <param name="xml">The text of its XML documentation.</param>
    public static IReadOnlyDictionary<string, string> Make(Assembly assembly, string xml)
    {
        var reference = new Reference(assembly, xml);
        var pages = new Dictionary<string, string>();
        var index =
            new StringBuilder(
                "# API reference\n\nThe public types of `Microsoft.ML.Moka`. `./build.sh docs` makes these pages from the comments in the source.\n\n| page " +
                "| types |\n|---|---|\n");
        foreach (var (page, title, names) in Groups.All)
        {
            var types = reference._types.Values.Where(entry => entry.Page == page).Select(entry => entry.Type)
                .OrderBy(type => Array.IndexOf(names, Names.Short(type))).ThenBy(Names.Short, StringComparer.Ordinal).ToList();
            if (types.Count == 0)
                continue;
            pages[$"{page}.md"] = reference.Page(page, title, types);
            index.Append(CultureInfo.InvariantCulture,
                $"| [{title}]({page}.md) | {string.Join(", ", types.Select(type => $"[{Names.Short(type)}]({page}.md#{Anchor(type)})"))} |\n");
        }
        pages["README.md"] = index.ToString();
        return pages;
    }

    private string Page(string page, string title, List<Type> types)
    {
        _page = page;
        var text = new StringBuilder($"# {title}\n\n[All pages](README.md)\n");
        foreach (var type in types)
            Write(text, type);
        return text.ToString();
    }

    private void Write(StringBuilder text, Type type)
    {
        var comment = _comments.Of(Names.Documentation(type));
        text.Append(CultureInfo.InvariantCulture, $"\n## {Names.Short(type)}\n\n`{Head(type)}`\n");
        Paragraph(text, _comments.Text(comment?.Element("summary")));
        Paragraph(text, _comments.Text(comment?.Element("remarks")));
        if (comment?.Element("example")?.Element("code") is { } example)
            Paragraph(text, $"```csharp\n{Unindent(example.Value)}\n```");
        Values(text, type, comment);
        foreach (var constructor in type.GetConstructors())
            Method(text, constructor, Names.Short(type).Split('.')[^1], _comments.Of(Names.Documentation(constructor)));
        foreach (var method in type.GetMethods(Declared))
            Method(text, method, method.Name, _comments.Of(Names.Documentation(method)));
    }

    private static string Head(Type type)
    {
        var kind = type.IsEnum ? "enum" : type.IsValueType ? "struct" : type.GetMethod("<Clone>$") is not null ? "record" : "class";
        var modifier = type.IsEnum || type.IsValueType
            ? ""
            : type is { IsAbstract: true, IsSealed: true } ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "";
        List<string> bases = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum)
            ? [Names.CSharp(parent)]
            : [];
        bases.AddRange(
            type.GetInterfaces()
                .Where(i => i.IsPublic && i.Namespace?.StartsWith("Microsoft.ML", StringComparison.Ordinal) == true && type.BaseType?.IsAssignableTo(i) != true)
                    .Select(Names.CSharp));
        return $"{modifier}{kind} {Names.Short(type)}{(bases.Count > 0 ? " : " : "")}{string.Join(", ", bases)}";
    }

    /// <summary>Properties, extension properties and values of an enumeration, as a table.</summary>
    private void Values(StringBuilder text, Type type, XElement? ofType)
    {
        List<(string Name, string Type, string Text)> rows = [];
        foreach (var field in type.GetFields(Declared).Where(field => !field.IsSpecialName))
            if (_comments.Of(Names.Documentation(field)) is { } comment)
                rows.Add((field.Name, type.IsEnum ? "" : Names.CSharp(_nullability.Create(field)), _comments.Text(comment.Element("summary"))));
        foreach (var property in type.GetProperties(Declared)
            .Where(property => property.GetMethod?.IsPublic == true && property.GetIndexParameters().Length == 0))
        {
            // A positional record describes its properties as parameters.
            var summary = _comments.Of(Names.Documentation(property))?.Element("summary")
                ?? ofType?.Elements("param").FirstOrDefault(parameter => parameter.Attribute("name")!.Value == property.Name);
            if (summary is not null)
                rows.Add((property.Name, Names.CSharp(_nullability.Create(property)), _comments.Text(summary)));
        }
        foreach (var getter in type.GetMethods(Declared).Where(IsExtensionGetter))
            rows.Add(
                ($"{Names.CSharp(getter.GetParameters()[0].ParameterType)}.{getter.Name[4..]}", Names.CSharp(getter.ReturnType),
                    _comments.Text(_comments.Of(Names.Documentation(getter))?.Element("summary"))));
        if (rows.Count == 0)
            return;
        text.Append(type.IsEnum ? "\n| value | |\n|---|---|\n" : "\n| property | type | |\n|---|---|---|\n");
        foreach (var row in rows)
            text.Append(type.IsEnum ? $"| `{row.Name}` | {row.Text} |\n" : $"| `{row.Name}` | `{row.Type}` | {row.Text} |\n");
    }

    /// <summary>C# 14 makes a static method of a property that extends another type.</summary>
    private static bool IsExtensionGetter(MethodInfo method) =>
        method.IsStatic && method.Name.StartsWith("get_", StringComparison.Ordinal) && method.GetParameters().Length == 1;

    private void Method(StringBuilder text, MethodBase method, string name, XElement? comment)
    {
        // What the compiler makes, of a record for example, has no comment.
        if (comment is null || (comment.Element("summary") is null && comment.Element("returns") is null) || (method.IsSpecialName && !method.IsConstructor)
            || (method is MethodInfo getter && IsExtensionGetter(getter)))
            return;
        var parameters = method.GetParameters();
        var isExtension = method.IsDefined(typeof(System.Runtime.CompilerServices.ExtensionAttribute), false);
        var list = string.Join(", ", parameters.Select((parameter, i) => $"{(i == 0 && isExtension ? "this " : "")}{Parameter(parameter)}"));
        var result = method is MethodInfo info ? $"{(method.IsStatic ? "static " : "")}{Names.CSharp(_nullability.Create(info.ReturnParameter))} " : "new ";
        text.Append(CultureInfo.InvariantCulture, $"\n**`{result}{name}({list})`**\n");
        Paragraph(text, _comments.Text(comment.Element("summary")));
        List<string> points = [];
        foreach (var parameter in comment.Elements("param"))
            points.Add($"`{parameter.Attribute("name")!.Value}`: {_comments.Text(parameter)}");
        if (_comments.Text(comment.Element("returns")) is { Length: > 0 } returns)
            points.Add($"returns: {returns}");
        foreach (var exception in comment.Elements("exception"))
            points.Add($"throws `{exception.Attribute("cref")!.Value.Split('.')[^1]}`: {_comments.Text(exception)}");
        if (points.Count > 0)
            text.Append('\n').AppendJoin('\n', points.Select(point => $"- {point}")).Append('\n');
    }

    private string Parameter(ParameterInfo parameter)
    {
        var value = !parameter.HasDefaultValue ? "" : parameter.RawDefaultValue switch
        {
            null => parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? " = default" : " = null",
            string text => $" = \"{text}\"",
            bool flag => flag ? " = true" : " = false",
            _ when parameter.ParameterType.IsEnum =>
                $" = {Names.Short(parameter.ParameterType)}.{Enum.ToObject(parameter.ParameterType, parameter.RawDefaultValue!)}",
            IFormattable number => $" = {number.ToString(null, CultureInfo.InvariantCulture)}",
            _ => " = …",
        };
        var modifier = parameter.IsOut ? "out " : parameter.IsDefined(typeof(ParamArrayAttribute), false)
            || parameter.IsDefined(typeof(System.Runtime.CompilerServices.ParamCollectionAttribute), false) ? "params " : "";
        return $"{modifier}{Names.CSharp(_nullability.Create(parameter))} {parameter.Name}{value}";
    }

    private string? LinkTo(string type) => _types.TryGetValue(type, out var entry)
        ? $"{(entry.Page == _page ? "" : $"{entry.Page}.md")}#{Anchor(entry.Type)}"
        : null;

    private static string Anchor(Type type) => Names.Short(type).Replace(".", "", StringComparison.Ordinal).ToLowerInvariant();

    private static void Paragraph(StringBuilder text, string paragraph)
    {
        if (paragraph.Length > 0)
            text.Append('\n').Append(paragraph).Append('\n');
    }

    private static string Unindent(string code)
    {
        var lines = code.Trim('\n', '\r').TrimEnd().Split('\n').Select(line => line.TrimEnd()).ToList();
        var indent = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length >= indent ? line[indent..] : line));
    }
}
