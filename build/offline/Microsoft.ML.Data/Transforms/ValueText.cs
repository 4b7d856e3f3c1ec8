using System.Globalization;

namespace Microsoft.ML.Data;

/// <summary>Primitive values as text, without loss, for model files.</summary>
internal static class ValueText
{
    public static string Write<T>(T value) =>
        value is DateTime time ? time.ToString("O", CultureInfo.InvariantCulture) : FormattableString.Invariant($"{value}");

    public static T Read<T>(string text) =>
        typeof(T) == typeof(ReadOnlyMemory<char>) ? (T)(object)text.AsMemory() :
        typeof(T) == typeof(DateTime) ? (T)(object)DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind) :
        (T)Convert.ChangeType(text, typeof(T), CultureInfo.InvariantCulture);
}
