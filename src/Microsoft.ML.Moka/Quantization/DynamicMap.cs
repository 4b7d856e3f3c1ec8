namespace Microsoft.ML.Moka.Quantization;

/// <summary>
/// bitsandbytes' signed 8-bit dynamic map, by which block scales are quantized a second time (arXiv 2110.02861, section 2.3): decades from
/// 10⁻⁶ to 1, the lowest with one value of each sign and each next with twice as many, evenly spaced; and 0 and 1.
/// </summary>
internal static class DynamicMap
{
    private static readonly float[] Map = Create();
    private static readonly float[] Midpoints = [.. Map.Zip(Map.Skip(1), (low, high) => (low + high) / 2)];

    /// <summary>The 256 values, ascending.</summary>
    public static ReadOnlyMemory<float> Values => Map;

    /// <summary>The code of the nearest value: the number of midpoints strictly below <paramref name="x"/>.</summary>
    public static byte Encode(float x)
    {
        var midpoints = Midpoints;
        var code = 0;
        for (var step = 128; step > 0; step >>= 1)
        {
            // No branch: which way it goes cannot be predicted. 255 midpoints: an index that the search reaches is below 255.
            code += midpoints[code + step - 1] < x ? step : 0;
        }
        return (byte)code;
    }

    private static float[] Create()
    {
        const int decades = 7;
        var values = new List<float> { 0f, 1f };
        for (var decade = 0; decade < decades; decade++)
        {
            var count = 1 << decade;
            var factor = Math.Pow(10, decade - decades + 1);
            for (var i = 0; i < count; i++)
            {
                // The middle of two neighbours of linspace(0.1, 1, count + 1).
                var low = (float)(0.1 + 0.9 * i / count);
                var high = (float)(0.1 + 0.9 * (i + 1) / count);
                var value = (float)(factor * ((low + high) / 2));
                values.Add(value);
                values.Add(-value);
            }
        }
        values.Sort();
        return [.. values];
    }
}
