using System.Collections;
using System.Globalization;

namespace Microsoft.ML.Moka.Design;

/// <summary>Adapter options as the C# that makes them, with what differs from the defaults: <c>new CdkaAdapter { R1 = 2, R2 = 8 }</c>.</summary>
internal static class OptionsText
{
    public static string Of(AdapterOptions options)
    {
        var type = options.GetType();
        var defaults = Activator.CreateInstance(type);
        var settings = type.GetProperties()
            .Where(property => property.CanWrite)
            .Select(property => (property.Name, Value: Text(property.GetValue(options)), Default: Text(property.GetValue(defaults))))
            .Where(setting => setting.Value != setting.Default)
            .Select(setting => $"{setting.Name} = {setting.Value}")
            .ToList();
        return settings.Count == 0 ? $"new {type.Name}()" : $"new {type.Name} {{ {string.Join(", ", settings)} }}";
    }

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        float number => number.ToString("R", CultureInfo.InvariantCulture) + "f",
        FactorShape shape => $"new({shape.Rows}, {shape.Columns})",
        IEnumerable list => $"[{string.Join(", ", list.Cast<object?>().Select(Text))}]",
        Enum choice => $"{choice.GetType().Name}.{choice}",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
