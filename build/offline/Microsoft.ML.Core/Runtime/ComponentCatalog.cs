using System.Reflection;

namespace Microsoft.ML.Runtime;

/// <summary>The classes that registered assemblies declare as loadable, by load name.</summary>
public sealed class ComponentCatalog
{
    private const BindingFlags AnyInstance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
    private const BindingFlags AnyStatic = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _assemblies = [];
    private readonly Dictionary<(string Name, Type Signature), Loadable> _loadables = [];

    internal ComponentCatalog()
    {
    }

    public void RegisterAssembly(Assembly assembly, bool throwOnError = true)
    {
        lock (_lock)
        {
            if (!_assemblies.Add(assembly.FullName))
                return;
            foreach (var attribute in assembly.GetCustomAttributes<LoadableClassAttributeBase>())
                Register(attribute, throwOnError);
            // ML.NET looks for extensions here: an assembly with a type that does not load cannot be registered.
            if (assembly != typeof(ComponentCatalog).Assembly)
                assembly.GetTypes();
        }
    }

    /// <summary>Makes an instance through the class's constructor or its static method Create; both may take the environment first.</summary>
    internal bool TryCreate(IHostEnvironment env, string loadName, Type signature, object argument, out object instance)
    {
        Loadable loadable;
        lock (_lock)
        {
            if (!_loadables.TryGetValue((loadName.ToLowerInvariant().Trim(), signature), out loadable))
            {
                instance = null;
                return false;
            }
        }
        object[] arguments = loadable.TakesEnvironment ? [env, argument] : [argument];
        try
        {
            instance = loadable.Maker is ConstructorInfo constructor ? constructor.Invoke(arguments) : loadable.Maker.Invoke(null, arguments);
        }
        catch (TargetInvocationException exception) when (Checks.IsMarked(exception.InnerException))
        {
            throw Checks.Mark(new InvalidOperationException("Error during class instantiation", exception));
        }
        return true;
    }

    private void Register(LoadableClassAttributeBase attribute, bool throwOnError)
    {
        foreach (var signature in attribute.SigTypes)
        {
            var parameters = signature.GetMethod("Invoke").GetParameters().Select(p => p.ParameterType).ToArray();
            var loadable = FindMaker(attribute, parameters);
            if (loadable is null)
            {
                Checks.That(!throwOnError, $"Can't instantiate loadable class '{attribute.InstanceType.Name}' with name '{attribute.LoadNames[0]}'");
                continue;
            }
            foreach (var name in attribute.LoadNames)
            {
                var added = _loadables.TryAdd((name.ToLowerInvariant(), signature), loadable);
                Checks.That(added || !throwOnError, $"ComponentCatalog cannot map name '{name}' and SignatureType '{signature}' to {attribute.InstanceType.Name}, already mapped.");
            }
        }
    }

    private static Loadable FindMaker(LoadableClassAttributeBase attribute, Type[] parameters)
    {
        Type[] withEnvironment = [typeof(IHostEnvironment), .. parameters];
        var (instance, loader) = (attribute.InstanceType, attribute.LoaderType);
        MethodBase constructor = !instance.IsAssignableFrom(loader) ? null :
            loader.GetConstructor(AnyInstance, parameters) ?? loader.GetConstructor(AnyInstance, withEnvironment);
        MethodBase create = FindCreate(instance, loader, parameters) ?? FindCreate(instance, loader, withEnvironment);
        Checks.That(constructor is null || create is null || VisibilityOf(constructor) != VisibilityOf(create),
            $"Can't load type {instance}, because it has both create and constructor methods with the same visibility. Please indicate which one should be used by changing either the signature or the visibility of one of them.");
        var maker = constructor is null || (create is not null && VisibilityOf(create) > VisibilityOf(constructor)) ? create : constructor;
        return maker is null ? null : new Loadable(maker, maker.GetParameters().Length > parameters.Length);
    }

    private static MethodInfo FindCreate(Type instance, Type loader, Type[] parameters) =>
        loader.GetMethod("Create", AnyStatic, parameters) is { } create && create.ReturnType == instance ? create : null;

    private static MethodAttributes VisibilityOf(MethodBase method) => method.Attributes & MethodAttributes.MemberAccessMask;

    private sealed record Loadable(MethodBase Maker, bool TakesEnvironment);
}
