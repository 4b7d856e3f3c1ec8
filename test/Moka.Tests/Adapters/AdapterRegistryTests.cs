using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>What an entry of the registry says of a method holds for its options.</summary>
public sealed class AdapterRegistryTests
{
    private static readonly MapShape[] Maps = [.. TinyLlama.Config.LinearMaps];

    public static TheoryData<string> Names => [.. AdapterMethods.Names];

    [Fact]
    public void Every_kind_of_options_has_one_entry()
    {
        var kinds = typeof(AdapterOptions).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(AdapterOptions))).ToHashSet();
        var registered = AdapterMethods.All.Select(method => method.Names.Select(named => named.Create().GetType()).Distinct().Single()).ToList();

        Assert.Equal(registered.Count, registered.Distinct().Count());
        Assert.Equal(kinds, registered.ToHashSet());
        Assert.Equal(AdapterMethods.Names.Count, AdapterMethods.Names.Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_entry_names_what_the_options_write(string name)
    {
        var (options, method) = (AdapterMethods.Create(name), AdapterMethods.All.Single(known => known.Names.Any(named => named.Name == name)));

        Assert.Equal(options.Method, method.PeftType);
        Assert.All(options.Plan(Maps), plan => Assert.Contains(
            plan.Filters.SelectMany(filter => (FactorRule?[])[filter.Left, filter.Right]),
            factor => factor?.Name.StartsWith(method.TensorPrefix, StringComparison.Ordinal) == true));
    }

    /// <summary>A file that leaves its method out is known by its tensors, so no method's tensors may look like another's.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_files_tensors_tell_its_method(string name)
    {
        var options = AdapterMethods.Create(name);
        using var backend = new CpuBackend();
        using var adapters = AdapterSet.Create(backend, options, Maps, new Ones());
        var tensors = SafetensorsFile.Read("adapter_model.safetensors", SafetensorsWriter.ToBytes(AdapterTensors.From(backend, adapters)));
        var fields = JsonFields.Parse(AdapterConfigFile.Write(options, Maps, null), "adapter_config.json", json => json.Copy());
        fields.Remove("peft_type");

        var read = AdapterConfigFile.Parse(IndentedJson.Write(fields), "adapter_config.json", tensors, Maps, new BackboneShape(50, 32, false));

        Assert.Equal(options.GetType(), read.GetType());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_size_is_a_setting_of_the_options(string name)
    {
        foreach (var size in AdapterMethods.SizesOf(name))
        {
            var options = AdapterMethods.Create(name);
            var property = options.GetType().GetProperties().Single(known => known.Name.Equals(size.Name, StringComparison.OrdinalIgnoreCase));

            size.Set(options, 3);

            Assert.Equal(3, Convert.ToDouble(property.GetValue(options), CultureInfo.InvariantCulture));
            Assert.Equal(property.PropertyType == typeof(int), size.IsWhole);
            if (size.IsWhole)
                Assert.Throws<ArgumentOutOfRangeException>(() => size.Set(options, 2.5));
            Assert.Throws<ArgumentException>(() => size.Set(name == "full" ? new MokaAdapter() : new FullFineTuning(), 3));
        }
    }

    /// <summary>One option of a command line serves all methods that have a size of its name.</summary>
    [Fact]
    public void A_size_means_the_same_in_every_method() => Assert.All(
        AdapterMethods.Names.SelectMany(AdapterMethods.SizesOf).GroupBy(size => size.Name),
        group => Assert.Single(group.Select(size => (size.Meaning, size.IsWhole)).Distinct()));

    [Fact]
    public void The_sizes_of_a_method_are_listed()
    {
        Assert.Equal(["filters", "alpha", "r1", "r2"], AdapterMethods.SizesOf("cdka").Select(size => size.Name));
        Assert.Empty(AdapterMethods.SizesOf("full"));
        Assert.Contains("There are moka", Assert.Throws<ArgumentException>(() => AdapterMethods.SizesOf("none")).Message, StringComparison.Ordinal);
    }

    private sealed class Ones : AdapterValues
    {
        public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack) => Of(stack.Length);

        public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => Of(count);

        public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => Of(map.Rows);

        private static float[] Of(int count) => [.. Enumerable.Repeat(1f, count)];
    }
}
