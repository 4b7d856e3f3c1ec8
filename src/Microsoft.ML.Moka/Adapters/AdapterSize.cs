namespace Microsoft.ML.Moka;

/// <summary>
/// A size of an adapter method that a single number sets, by the name that command lines and configuration files use. <see cref="AdapterMethods.SizesOf"/>
/// lists those of a method.
/// </summary>
public sealed class AdapterSize
{
    private readonly Type _options;
    private readonly Action<AdapterOptions, double> _set;

    private AdapterSize(string name, string meaning, bool isWhole, Type options, Action<AdapterOptions, double> set)
    {
        (Name, Meaning, IsWhole) = (name, meaning, isWhole);
        (_options, _set) = (options, set);
    }

    /// <summary>The name: "filters", "rank", "alpha", "r1" or "r2". Methods that have the same size call it the same.</summary>
    public string Name { get; }

    /// <summary>What it is, in a few words for a help text.</summary>
    public string Meaning { get; }

    /// <summary>Whether it is a whole number.</summary>
    public bool IsWhole { get; }

    /// <summary>Sets the size. Whether it fits a backbone is seen when the options are used.</summary>
    /// <param name="options">Options of the method whose size it is.</param>
    /// <param name="value">The value; a whole number of 32 bits where <see cref="IsWhole"/>.</param>
    /// <exception cref="ArgumentException">The options are another method's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The value is no whole number, and has to be one.</exception>
    public void Set(AdapterOptions options, double value)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.GetType() != _options)
            throw new ArgumentException($"This '{Name}' is one of {_options.Name}, and the options are a {options.GetType().Name}.", nameof(options));
        if (IsWhole && (value != Math.Truncate(value) || Math.Abs(value) > int.MaxValue))
            throw new ArgumentOutOfRangeException(nameof(value), value, $"'{Name}' must be a whole number.");
        _set(options, value);
    }

    /// <summary>The name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    internal static AdapterSize Whole<T>(string name, string meaning, Action<T, int> set)
        where T : AdapterOptions => new(name, meaning, isWhole: true, typeof(T), (options, value) => set((T)options, (int)value));

    internal static AdapterSize Real<T>(string name, string meaning, Action<T, float> set)
        where T : AdapterOptions => new(name, meaning, isWhole: false, typeof(T), (options, value) => set((T)options, (float)value));
}
