using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Settings as texts and back, property by property. One of a type that is not known here is an error: none is lost without a word.</summary>
internal static class SettingsFields
{
    private const DynamicallyAccessedMemberTypes Properties = DynamicallyAccessedMemberTypes.PublicProperties;

    /// <summary>What differs from the defaults, by name.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="defaults">Such settings as they are made.</param>
    /// <exception cref="InvalidOperationException">A property that is set is of a type that has no text.</exception>
    public static SortedDictionary<string, string> Write(AdapterOptions settings, AdapterOptions defaults) =>
        Write(settings.GetType(), settings, defaults, []);

    /// <param name="settings">The settings.</param>
    /// <param name="except">Properties that are not written.</param>
    /// <inheritdoc cref="Write(AdapterOptions, AdapterOptions)"/>
    public static SortedDictionary<string, string> Write(MokaTrainer.Options settings, IReadOnlyCollection<string> except) =>
        Write(typeof(MokaTrainer.Options), settings, new MokaTrainer.Options(), except);

    /// <summary>Sets what was written.</summary>
    public static void Read(AdapterOptions settings, IReadOnlyDictionary<string, string> fields) => Read(settings.GetType(), settings, fields);

    /// <inheritdoc cref="Read(AdapterOptions, IReadOnlyDictionary{string, string})"/>
    public static void Read(MokaTrainer.Options settings, IReadOnlyDictionary<string, string> fields) => Read(typeof(MokaTrainer.Options), settings, fields);

    private static SortedDictionary<string, string> Write(
        [DynamicallyAccessedMembers(Properties)] Type type, object settings, object defaults, IReadOnlyCollection<string> except)
    {
        var fields = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in Of(type).Where(property => !except.Contains(property.Name)))
        {
            var (value, usual) = (Text(property, settings), Text(property, defaults));
            // Null is a value where the default is none.
            if (value != usual)
                fields[property.Name] = value ?? "";
        }
        return fields;
    }

    private static void Read([DynamicallyAccessedMembers(Properties)] Type type, object settings, IReadOnlyDictionary<string, string> fields)
    {
        var properties = Of(type).ToDictionary(property => property.Name, StringComparer.Ordinal);
        foreach (var (name, text) in fields)
        {
            if (!properties.TryGetValue(name, out var property))
                throw new NotSupportedException($"This worker knows no setting '{name}': use one version of the package everywhere.");
            property.SetValue(settings, text.Length == 0 ? null : Value(property.PropertyType, text));
        }
    }

    private static IEnumerable<PropertyInfo> Of([DynamicallyAccessedMembers(Properties)] Type type) =>
        type.GetProperties().Where(property => property is { CanWrite: true, SetMethod.IsPublic: true });

    /// <summary>JSON, with a value that no number changes its bits by; null for null.</summary>
    private static string? Text(PropertyInfo property, object settings) => property.GetValue(settings) is { } value
        ? Text(value) ?? throw new InvalidOperationException($"{property.Name} is set, and a sweep cannot bring it to workers: leave it out.")
        : null;

    private static string? Text(object value) => value switch
    {
        string text => Quoted(text),
        bool flag => flag ? "true" : "false",
        float number => number.ToString("R", CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        Enum choice => Quoted(choice.ToString()),
        int or long => ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        TimeSpan time => time.Ticks.ToString(CultureInfo.InvariantCulture),
        FactorShape shape => FormattableString.Invariant($"[{shape.Rows},{shape.Columns}]"),
        PromptTemplate template => Quoted(template.ToString()),
        ClassWeights weights => weights.ByLabel is { } byLabel
            ? $"{{{string.Join(',', byLabel.Select(weight => $"{Quoted(weight.Key)}:{Text(weight.Value)}"))}}}"
            : Quoted(nameof(ClassWeights.Balanced)),
        IEnumerable list => list.Cast<object>().Select(Text).ToList() is var items && items.TrueForAll(item => item is not null)
            ? $"[{string.Join(',', items)}]"
            : null,
        _ => null,
    };

    private static object Value(Type type, string text)
    {
        using var json = JsonDocument.Parse(text);
        return Value(Nullable.GetUnderlyingType(type) ?? type, json.RootElement, text);
    }

    private static object Value(Type type, JsonElement json, string text) =>
        type == typeof(string) ? json.GetString()!
        : type == typeof(bool) ? json.GetBoolean()
        : type == typeof(int) ? json.GetInt32()
        : type == typeof(float) ? float.Parse(text, CultureInfo.InvariantCulture)
        : type == typeof(double) ? double.Parse(text, CultureInfo.InvariantCulture)
        : type == typeof(TimeSpan) ? TimeSpan.FromTicks(json.GetInt64())
        : type.IsEnum ? Enum.Parse(type, json.GetString()!)
        : type == typeof(FactorShape) ? Shape(json)
        : type == typeof(PromptTemplate) ? PromptTemplate.FromString(json.GetString()!)
        : type == typeof(ClassWeights) ? Weights(json)
        : type == typeof(IReadOnlyList<string>) ? (string[])[.. json.EnumerateArray().Select(item => item.GetString()!)]
        : type == typeof(IReadOnlyList<int>) ? (int[])[.. json.EnumerateArray().Select(item => item.GetInt32())]
        : type == typeof(IReadOnlyList<FactorShape>) ? (FactorShape[])[.. json.EnumerateArray().Select(Shape)]
        : throw new NotSupportedException($"This worker knows no settings of the type {type.Name}: use one version of the package everywhere.");

    private static FactorShape Shape(JsonElement json) => new(json[0].GetInt32(), json[1].GetInt32());

    private static ClassWeights Weights(JsonElement json) => json.ValueKind == JsonValueKind.String
        ? ClassWeights.Balanced
        : ClassWeights.Of(json.EnumerateObject().ToDictionary(weight => weight.Name, weight => float.Parse(
            weight.Value.GetRawText(), CultureInfo.InvariantCulture)));

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
