using System.Globalization;

namespace Microsoft.ML.Data;

/// <summary>Reads values out of text fields. What cannot be read is no error: it is NaN, 0, false or a missing key.</summary>
internal abstract class FieldParser
{
    public static FieldParser Create(DataViewType type, bool missingRealsAsNaNs)
    {
        if (type is KeyDataViewType key)
        {
            return (FieldParser)Activator.CreateInstance(typeof(KeyParser<>).MakeGenericType(key.RawType), key.Count);
        }
        float empty = missingRealsAsNaNs ? float.NaN : 0;
        return DataViewTypes.KindOf(type) switch
        {
            DataKind.String => new Parser<ReadOnlyMemory<char>>(text => text.AsMemory()),
            DataKind.Boolean => new Parser<bool>(text => text.ToLowerInvariant() is "t" or "true" or "y" or "yes" or "1" or "+1" or "+"),
            DataKind.Single => new Parser<float>(text => (float)ParseReal(text, empty)),
            DataKind.Double => new Parser<double>(text => ParseReal(text, empty)),
            DataKind.DateTime => new Parser<DateTime>(text => DateTime.TryParse(text, CultureInfo.InvariantCulture, out var time) ? time : default),
            DataKind.UInt64 => new Parser<ulong>(text => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0),
            DataKind.SByte => new Parser<sbyte>(text => (sbyte)ParseInteger(text, sbyte.MinValue, sbyte.MaxValue)),
            DataKind.Byte => new Parser<byte>(text => (byte)ParseInteger(text, byte.MinValue, byte.MaxValue)),
            DataKind.Int16 => new Parser<short>(text => (short)ParseInteger(text, short.MinValue, short.MaxValue)),
            DataKind.UInt16 => new Parser<ushort>(text => (ushort)ParseInteger(text, ushort.MinValue, ushort.MaxValue)),
            DataKind.Int32 => new Parser<int>(text => (int)ParseInteger(text, int.MinValue, int.MaxValue)),
            DataKind.UInt32 => new Parser<uint>(text => (uint)ParseInteger(text, uint.MinValue, uint.MaxValue)),
            _ => new Parser<long>(text => ParseInteger(text, long.MinValue, long.MaxValue)),
        };
    }

    public abstract Delegate CreateGetter(bool isVector, int[] fields, Func<int, string> read);

    private static double ParseReal(string text, double empty) =>
        text.Length == 0 ? empty :
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN;

    private static long ParseInteger(string text, long min, long max) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && min <= number && number <= max ? number : 0;

    private class Parser<T>(Func<string, T> parse) : FieldParser
    {
        public override Delegate CreateGetter(bool isVector, int[] fields, Func<int, string> read)
        {
            if (!isVector)
                return (ValueGetter<T>)((ref T value) => value = parse(read(fields[0])));
            return (ValueGetter<VBuffer<T>>)((ref VBuffer<T> value) =>
            {
                var editor = VBufferEditor.Create(ref value, fields.Length);
                for (var i = 0; i < fields.Length; i++)
                    editor.Values[i] = parse(read(fields[i]));
                value = editor.Commit();
            });
        }
    }

    /// <summary>Keys are counted from 0 in text and from 1 in a column.</summary>
    private sealed class KeyParser<T>(ulong count) : Parser<T>(text =>
    {
        var found = ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var key) && key < count;
        return (T)Convert.ChangeType(found ? key + 1 : 0, typeof(T), CultureInfo.InvariantCulture);
    });
}
