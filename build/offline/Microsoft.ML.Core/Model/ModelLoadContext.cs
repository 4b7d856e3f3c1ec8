using System.Reflection;
using System.Text;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>The stream "Model.key" of one component in a model's zip archive, while it is read.</summary>
internal sealed class ModelLoadContext : IDisposable
{
    public const string ModelStreamName = "Model.key";

    public readonly RepositoryReader Repository;
    public readonly string Directory;
    public readonly BinaryReader Reader;
    public readonly string[] Strings;
    public readonly string LoaderAssemblyName;
    public readonly long FpMin;
    internal readonly ModelHeader Header;

    private ModelLoadContext(RepositoryReader repository, Stream entry, string directory)
    {
        Repository = repository;
        Directory = directory;
        Reader = new BinaryReader(entry, Encoding.UTF8, leaveOpen: true);
        Header = ModelHeader.BeginRead(Reader, out FpMin, out Strings, out LoaderAssemblyName);
    }

    public bool InRepository => Repository is not null;

    public void CheckAtModel() =>
        Checks.That(Reader.BaseStream.Position == FpMin + Header.FpModel, "The model's own bytes have been begun already.");

    public void CheckAtModel(VersionInfo ver)
    {
        CheckAtModel();
        CheckVersionInfo(ver);
    }

    public void CheckVersionInfo(VersionInfo ver) => Header.CheckVersionInfo(ver);

    public string LoadStringOrNull()
    {
        var id = Reader.ReadInt32();
        Checks.Decode(-1 <= id && id < Strings.Length, "One of the identified items was in an invalid format.");
        return id < 0 ? null : Strings[id];
    }

    public string LoadString()
    {
        var text = LoadStringOrNull();
        Checks.Decode(text is not null, "One of the identified items was in an invalid format.");
        return text;
    }

    public string LoadNonEmptyString()
    {
        var text = LoadString();
        Checks.Decode(text.Length > 0, "One of the identified items was in an invalid format.");
        return text;
    }

    public bool ContainsModel(string name) =>
        !string.IsNullOrEmpty(name) && Repository.OpenEntryOrNull(Path.Combine(Directory ?? "", name), ModelStreamName) is not null;

    public bool TryProcessSubModel(string dir, Action<ModelLoadContext> action)
    {
        var path = Path.Combine(Directory ?? "", dir);
        using var entry = Repository.OpenEntryOrNull(path, ModelStreamName);
        if (entry is null)
            return false;
        using var ctx = new ModelLoadContext(Repository, entry, path);
        action(ctx);
        return true;
    }

    public bool TryLoadBinaryStream(string name, Action<BinaryReader> action)
    {
        using var entry = Repository.OpenEntryOrNull(Directory, name);
        if (entry is null)
            return false;
        using var reader = new BinaryReader(entry);
        action(reader);
        return true;
    }

    public bool TryLoadTextStream(string name, Action<TextReader> action)
    {
        using var entry = Repository.OpenEntryOrNull(Directory, name);
        if (entry is null)
            return false;
        using var reader = new StreamReader(entry);
        action(reader);
        return true;
    }

    public static bool LoadModelOrNull<TRes, TSig>(IHostEnvironment env, out TRes result, RepositoryReader rep, string dir, params object[] extra)
        where TRes : class
    {
        using var entry = rep.OpenEntryOrNull(dir, ModelStreamName);
        if (entry is null)
        {
            result = null;
            return false;
        }
        using var ctx = new ModelLoadContext(rep, entry, dir);
        result = ctx.Create<TRes>(env, typeof(TSig));
        Checks.Decode(result is not null, $"Couldn't load model: '{dir}'");
        return true;
    }

    public static void LoadModel<TRes, TSig>(IHostEnvironment env, out TRes result, RepositoryReader rep, string dir, params object[] extra)
        where TRes : class =>
        Checks.Decode(LoadModelOrNull<TRes, TSig>(env, out result, rep, dir, extra), "Corrupt model file");

    public bool LoadModelOrNull<TRes, TSig>(IHostEnvironment env, out TRes result, string name, params object[] extra)
        where TRes : class => LoadModelOrNull<TRes, TSig>(env, out result, Repository, Path.Combine(Directory ?? "", name), extra);

    public void LoadModel<TRes, TSig>(IHostEnvironment env, out TRes result, string name, params object[] extra)
        where TRes : class => LoadModel<TRes, TSig>(env, out result, Repository, Path.Combine(Directory ?? "", name), extra);

    public void Done()
    {
        Header.EndRead(Reader, FpMin);
        Dispose();
    }

    public void Dispose() => Reader.Dispose();

    /// <summary>Registers the assembly that the stream names, then asks the catalog for the loader that it names. Null where there is none.</summary>
    private TRes Create<TRes>(IHostEnvironment env, Type signature)
        where TRes : class
    {
        if (!string.IsNullOrEmpty(LoaderAssemblyName))
            env.ComponentCatalog.RegisterAssembly(Assembly.Load(LoaderAssemblyName));
        foreach (var loadName in new[] { Header.LoaderSignature, Header.LoaderSignatureAlt })
        {
            if (!string.IsNullOrWhiteSpace(loadName)
                && env.ComponentCatalog.TryCreate(env, loadName, signature, this, out var instance)
                && instance is TRes result)
            {
                Done();
                return result;
            }
        }
        return null;
    }
}
